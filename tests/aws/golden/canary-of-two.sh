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
  "EndpointConfigName": "cells-42d637035d",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-b048bf0e17",
      "InitialVariantWeight": 1.0,
      "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 2,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ]
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-42d637035d-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-42d637035d back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-42d637035d"}
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
  "AlarmName": "cells-42d637035d-latency",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-42d637035d back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "ModelLatency",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-42d637035d"}
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
  "EndpointConfigName": "cells-42d637035d",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-42d637035d",
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {
      "Alarms": [{"AlarmName": "cells-42d637035d-5xx"}, {"AlarmName": "cells-42d637035d-latency"}]
    },
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}
      },
      "TerminationWaitInSeconds": 300
    }
  }
}'
