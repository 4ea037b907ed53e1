# the model: image, artifact and role
aws sagemaker create-model --cli-input-json '{
  "ModelName": "cells-c39aba34de",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "PrimaryContainer": {
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "Mode": "SingleModel",
    "ModelDataUrl": "s3://unet-test/models/cells.tar.gz",
    "Environment": {"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3600"}
  },
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference"
}'

# the config: where and how the model is served
aws sagemaker create-endpoint-config --cli-input-json '{
  "EndpointConfigName": "cells-e5705d32aa",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-c39aba34de",
      "InitialVariantWeight": 1.0,
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ],
  "AsyncInferenceConfig": {
    "OutputConfig": {
      "S3OutputPath": "s3://unet-test/answers/",
      "S3FailurePath": "s3://unet-test/answers/failed/"
    }
  }
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-e5705d32aa-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-e5705d32aa back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-e5705d32aa"}
  ],
  "Period": 60,
  "EvaluationPeriods": 1,
  "Threshold": 1.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "notBreaching",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "Statistic": "Sum"
}'

# the endpoint, where there is none
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-e5705d32aa",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# autoscaling, once the endpoint serves: between which limits
aws application-autoscaling register-scalable-target --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "MinCapacity": 0,
  "MaxCapacity": 4
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "PolicyName": "cells-backlog",
  "PolicyType": "TargetTrackingScaling",
  "TargetTrackingScalingPolicyConfiguration": {
    "TargetValue": 5.0,
    "CustomizedMetricSpecification": {
      "MetricName": "ApproximateBacklogSizePerInstance",
      "Namespace": "AWS/SageMaker",
      "Dimensions": [{"Name": "EndpointName", "Value": "cells"}],
      "Statistic": "Average"
    },
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300
  }
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "PolicyName": "cells-wake",
  "PolicyType": "StepScaling",
  "StepScalingPolicyConfiguration": {
    "AdjustmentType": "ChangeInCapacity",
    "MetricAggregationType": "Average",
    "Cooldown": 300,
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]
  }
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-wake",
  "AlarmDescription": "Wakes the endpoint cells: requests wait, and it has no instance",
  "Namespace": "AWS/SageMaker",
  "MetricName": "HasBacklogWithoutCapacity",
  "Statistic": "Average",
  "EvaluationPeriods": 2,
  "DatapointsToAlarm": 2,
  "Dimensions": [{"Name": "EndpointName", "Value": "cells"}],
  "Period": 60,
  "Threshold": 1.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "missing",
  "AlarmActions": ["ARN-OF-THE-POLICY-WAKE"],
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-e5705d32aa",
  "RetainAllVariantProperties": true,
  "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"}],
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "cells-e5705d32aa-5xx"}]},
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
