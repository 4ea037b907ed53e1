# the model: image, artifact and role
aws sagemaker create-model --cli-input-json '{
  "ModelName": "cells-21db1f32f4",
  "Tags": [
    {"Key": "team", "Value": "cells"},
    {"Key": "unet-inference:endpoint", "Value": "cells"}
  ],
  "PrimaryContainer": {
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "Mode": "SingleModel",
    "ModelDataUrl": "s3://unet-test/models/cells.tar.gz",
    "Environment": {}
  },
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference",
  "VpcConfig": {"Subnets": ["subnet-0123abcd", "subnet-4567cdef"], "SecurityGroupIds": ["sg-0123abcd"]},
  "EnableNetworkIsolation": true
}'

# the config: where and how the model is served
aws sagemaker create-endpoint-config --cli-input-json '{
  "EndpointConfigName": "cells-2f399df9cc",
  "Tags": [
    {"Key": "team", "Value": "cells"},
    {"Key": "unet-inference:endpoint", "Value": "cells"}
  ],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-21db1f32f4",
      "InitialVariantWeight": 1.0,
      "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 1,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300,
      "ModelDataDownloadTimeoutInSeconds": 300
    }
  ],
  "DataCaptureConfig": {
    "EnableCapture": true,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://unet-test/answers/captured/",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
  },
  "KmsKeyId": "alias/unet"
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-2f399df9cc-5xx",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-2f399df9cc back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "Invocation5XXErrors",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-2f399df9cc"}
  ],
  "Period": 60,
  "EvaluationPeriods": 1,
  "Threshold": 1.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "notBreaching",
  "Tags": [
    {"Key": "team", "Value": "cells"},
    {"Key": "unet-inference:endpoint", "Value": "cells"}
  ],
  "Statistic": "Sum"
}'

# an alarm
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-2f399df9cc-latency",
  "AlarmDescription": "Rolls the update of the endpoint cells to cells-2f399df9cc back",
  "Namespace": "AWS/SageMaker",
  "MetricName": "ModelLatency",
  "Dimensions": [
    {"Name": "EndpointName", "Value": "cells"},
    {"Name": "VariantName", "Value": "AllTraffic"},
    {"Name": "EndpointConfigName", "Value": "cells-2f399df9cc"}
  ],
  "Period": 60,
  "EvaluationPeriods": 1,
  "Threshold": 30000000.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "notBreaching",
  "Tags": [
    {"Key": "team", "Value": "cells"},
    {"Key": "unet-inference:endpoint", "Value": "cells"}
  ],
  "ExtendedStatistic": "p99"
}'

# the endpoint, where there is none
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-2f399df9cc",
  "Tags": [
    {"Key": "team", "Value": "cells"},
    {"Key": "unet-inference:endpoint", "Value": "cells"}
  ]
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-2f399df9cc",
  "DeploymentConfig": {
    "AutoRollbackConfiguration": {
      "Alarms": [{"AlarmName": "cells-2f399df9cc-5xx"}, {"AlarmName": "cells-2f399df9cc-latency"}]
    },
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
