# the model: image, artifact and role
aws sagemaker create-model --cli-input-json '{
  "ModelName": "cells-91652c6064",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "PrimaryContainer": {
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/unet@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "Mode": "SingleModel",
    "ModelDataUrl": "s3://unet-test/models/cells.tar.gz",
    "Environment": {"UNET_THREADS": "2"}
  },
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference"
}'

# the config: machines that come and go with the copies
aws sagemaker create-endpoint-config --cli-input-json '{
  "EndpointConfigName": "cells-4b8178d2d7",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}],
  "ProductionVariants": [
    {
      "VariantName": "AllTraffic",
      "InstanceType": "ml.c7i.xlarge",
      "InitialInstanceCount": 1,
      "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2},
      "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    }
  ],
  "ExecutionRoleArn": "arn:aws:iam::123456789012:role/unet-inference"
}'

# the endpoint, which has no model of its own
aws sagemaker create-endpoint --cli-input-json '{
  "EndpointName": "cells",
  "EndpointConfigName": "cells-4b8178d2d7",
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# the component: copies of the container with the model
aws sagemaker create-inference-component --cli-input-json '{
  "InferenceComponentName": "cells",
  "EndpointName": "cells",
  "VariantName": "AllTraffic",
  "Specification": {
    "ModelName": "cells-91652c6064",
    "StartupParameters": {
      "ModelDataDownloadTimeoutInSeconds": 300,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300
    },
    "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 3072, "NumberOfCpuCoresRequired": 2.0}
  },
  "RuntimeConfig": {"CopyCount": 1},
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# autoscaling, once the component serves: between which limits
aws application-autoscaling register-scalable-target --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "inference-component/cells",
  "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
  "MinCapacity": 0,
  "MaxCapacity": 2
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "inference-component/cells",
  "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
  "PolicyName": "cells-copies",
  "PolicyType": "TargetTrackingScaling",
  "TargetTrackingScalingPolicyConfiguration": {
    "TargetValue": 4.0,
    "PredefinedMetricSpecification": {
      "PredefinedMetricType": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
    },
    "ScaleOutCooldown": 60,
    "ScaleInCooldown": 300
  }
}'

# autoscaling: by what
aws application-autoscaling put-scaling-policy --cli-input-json '{
  "ServiceNamespace": "sagemaker",
  "ResourceId": "inference-component/cells",
  "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
  "PolicyName": "cells-wake",
  "PolicyType": "StepScaling",
  "StepScalingPolicyConfiguration": {
    "AdjustmentType": "ChangeInCapacity",
    "MetricAggregationType": "Maximum",
    "Cooldown": 60,
    "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]
  }
}'

# the alarm that makes the first copy
aws cloudwatch put-metric-alarm --cli-input-json '{
  "AlarmName": "cells-wake",
  "AlarmDescription": "Wakes the endpoint cells: a request has failed, because it has no copy",
  "Namespace": "AWS/SageMaker",
  "MetricName": "NoCapacityInvocationFailures",
  "Statistic": "Sum",
  "EvaluationPeriods": 1,
  "DatapointsToAlarm": 1,
  "Dimensions": [{"Name": "InferenceComponentName", "Value": "cells"}],
  "Period": 60,
  "Threshold": 1.0,
  "ComparisonOperator": "GreaterThanOrEqualToThreshold",
  "TreatMissingData": "missing",
  "AlarmActions": ["ARN-OF-THE-POLICY-WAKE"],
  "Tags": [{"Key": "unet-inference:endpoint", "Value": "cells"}]
}'

# where there is a component, in place of making it
aws sagemaker update-inference-component --cli-input-json '{
  "InferenceComponentName": "cells",
  "Specification": {
    "ModelName": "cells-91652c6064",
    "StartupParameters": {
      "ModelDataDownloadTimeoutInSeconds": 300,
      "ContainerStartupHealthCheckTimeoutInSeconds": 300
    },
    "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 3072, "NumberOfCpuCoresRequired": 2.0}
  },
  "DeploymentConfig": {
    "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
  }
}'
