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
  "EndpointConfigName": "cells-5b4eb74e6a",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "ModelName": "cells-b048bf0e17",
      "InitialVariantWeight": 1.0,
      "ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 10, "ProvisionedConcurrency": 1}
    }
  ]
}'

# the endpoint, where there is none
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-5b4eb74e6a",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# autoscaling, once the endpoint serves: between which limits
aws application-autoscaling register-scalable-target --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
  "MinCapacity": 1,
  "MaxCapacity": 4
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "endpoint/cells/variant/AllTraffic",
  "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
  "PolicyName": "cells-utilization",
  "PolicyType": "TargetTrackingScaling",
  "TargetTrackingScalingPolicyConfiguration": {
    "TargetValue": 0.7,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"},
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300
  }
}'

# the endpoint, where there is one, in place of create-endpoint
aws sagemaker update-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-5b4eb74e6a",
  "RetainAllVariantProperties": true,
  "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}, {"VariantPropertyType": "DataCaptureConfig"}]
}'
