# the model: image, artifact and role
aws sagemaker create-model --cli-input-json '{
  "ModelName": "cells-b048bf0e17",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "PrimaryContainer": {
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "Mode": "SingleModel",
    "ModelDataUrl": "s3://unet-test/models/cells.tar.gz",
    "Environment": {}
  },
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference"
}'

# the config: where and how the model is served
aws sagemaker create-endpoint-config --cli-input-json '{
  "EndpointConfigName": "cells-1eb91d963f",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-b048bf0e17",
      "InitialVariantWeight": 1.0,
      "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ]
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-1eb91d963f-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-1eb91d963f back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-1eb91d963f"}
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
  "AlarmName": "cells-1eb91d963f-latency",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-1eb91d963f back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "ModelLatency",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-1eb91d963f"}
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
  "EndpointConfigName": "cells-1eb91d963f",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# autoscaling, once the endpoint serves: between which limits
aws application-autoscaling register-scalable-target --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "MinCapacity": 1,
  "MaxCapacity": 3
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
  "PolicyName": "cells-invocations",
  "PolicyType": "TargetTrackingScaling",
  "TargetTrackingScalingPolicyConfiguration": {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300
  }
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-1eb91d963f",
  "RetainAllVariantProperties": true,
  "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"}],
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {
      "Alarms": [{"AlarmName": "cells-1eb91d963f-5xx"}, {"AlarmName": "cells-1eb91d963f-latency"}]
    },
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
