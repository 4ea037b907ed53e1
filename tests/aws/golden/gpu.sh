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
  "EndpointConfigName": "cells-dc07c3acff",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-b048bf0e17",
      "InitialVariantWeight": 1.0,
      "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
      "InferenceAmiVersion": "al2023-ami-sagemaker-inference-gpu-4-1",
      "InstanceType": "ml.g5.xlarge",
      "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ]
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-dc07c3acff-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-dc07c3acff back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-dc07c3acff"}
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
  "AlarmName": "cells-dc07c3acff-latency",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-dc07c3acff back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "ModelLatency",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-dc07c3acff"}
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
  "EndpointConfigName": "cells-dc07c3acff",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-dc07c3acff",
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {
      "Alarms": [{"AlarmName": "cells-dc07c3acff-5xx"}, {"AlarmName": "cells-dc07c3acff-latency"}]
    },
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
