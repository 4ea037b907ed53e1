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

# the endpoint, where there is none
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-1eb91d963f",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-1eb91d963f",
  "DeploymentConfig": {
    "BlueGreenUpdatePolicy": {
      "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
      "TerminationWaitInSeconds": 300
    }
  }
}'
