# the model: image, artifact and role
aws sagemaker create-model --cli-input-json '{
  "ModelName": "cells-3d71f22db8",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "PrimaryContainer": {
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "Mode": "MultiModel",
    "ModelDataUrl": "s3://unet-test/models/",
    "Environment": {"SAGEMAKER_MULTI_MODEL": "true"}
  },
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference"
}'

# the config: where and how the model is served
aws sagemaker create-endpoint-config --cli-input-json '{
  "EndpointConfigName": "cells-b0624f55df",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-3d71f22db8",
      "InitialVariantWeight": 1.0,
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ]
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-b0624f55df-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-b0624f55df back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-b0624f55df"}
  ],
  "Period": 60,
  "EvaluationPeriods": 1,
  "Threshold": 1.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "notBreaching",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "Statistic": "Sum"
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-b0624f55df-latency",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-b0624f55df back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "ModelLatency",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-b0624f55df"}
  ],
  "Period": 60,
  "EvaluationPeriods": 1,
  "Threshold": 30000000.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "notBreaching",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ExtendedStatistic": "p99"
}'

# the endpoint, where there is none
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-b0624f55df",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# autoscaling, once the endpoint serves: between which limits
aws application-autoscaling register-scalable-target --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "MinCapacity": 1,
  "MaxCapacity": 2
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "PolicyName": "cells-invocations",
  "PolicyType": "TargetTrackingScaling",
  "TargetTrackingScalingPolicyConfiguration": {
    "TargetValue": 100.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300
  }
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-b0624f55df",
  "RetainAllVariantProperties": true,
  "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"}],
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {
      "Alarms": [{"AlarmName": "cells-b0624f55df-5xx"}, {"AlarmName": "cells-b0624f55df-latency"}]
    },
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
