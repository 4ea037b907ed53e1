"""The requests that make a SageMaker endpoint of an image and a model. Nothing here calls AWS.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

import hashlib
import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

VARIANT = "AllTraffic"
TAG = "unet-inference:endpoint"
HASH_LENGTH = 10
STARTUP_SECONDS = 300  # for the health check, and as much to load the artifact
BAKE_SECONDS = 300  # between two steps of an update, and before the old fleet goes
STEP_SIZES = {"canary": "CanarySize", "linear": "LinearStepSize"}
LATENCY_MICROSECONDS = 30_000_000  # p99 of the model; half of what SageMaker lets a request take


@dataclass(frozen=True)
class Call:
    """One request to AWS."""

    service: str
    operation: str
    parameters: dict[str, Any]

    def run(self, aws: Any) -> dict[str, Any]:
        return getattr(aws(self.service), self.operation)(**self.parameters)

    def as_cli(self) -> str:
        """The same request as a line for the AWS CLI."""
        name = self.operation.replace("_", "-")
        text = shlex.quote(json.dumps(self.parameters))
        return f"aws {self.service} {name} --cli-input-json {text}"


@dataclass(frozen=True)
class Deployment:
    """What is to be deployed; the options of deploy.py."""

    name: str
    image: str
    model_data: str
    role: str
    instance_type: str = "ml.c5.xlarge"
    instances: int = 1
    max_instances: int | None = None
    invocations_per_instance: int = 100  # a minute
    serverless: tuple[int, int] | None = None  # megabytes of memory, concurrent requests
    async_output: str | None = None
    multi_model: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    variant_weight: float = 1.0
    data_capture: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str | None = None
    network_isolation: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    health_timeout: int = STARTUP_SECONDS
    strategy: tuple[str, int] = ("all-at-once", 100)  # or canary, linear, rolling; percent

    # --- names: those of model and config say what is in them

    @property
    def model_name(self) -> str:
        return self._named(self._model())

    @property
    def config_name(self) -> str:
        return self._named(self._config())

    def _named(self, content: dict[str, Any]) -> str:
        text = json.dumps(content, sort_keys=True)
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"

    @property
    def _tags(self) -> list[dict[str, str]]:
        tags = self.tags | {TAG: self.name}
        return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]

    # --- model, config, endpoint

    def create_model(self) -> Call:
        named = {"ModelName": self.model_name, "Tags": self._tags}
        return Call("sagemaker", "create_model", named | self._model())

    def _model(self) -> dict[str, Any]:
        environment = dict(self.environment)
        if self.multi_model:
            environment["SAGEMAKER_MULTI_MODEL"] = "true"
        container = {
            "Image": self.image,
            "Mode": "MultiModel" if self.multi_model else "SingleModel",
            "ModelDataUrl": self.model_data,
            "Environment": environment,
        }
        model: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": self.role}
        if self.subnets:
            model["VpcConfig"] = {
                "Subnets": list(self.subnets),
                "SecurityGroupIds": list(self.security_groups),
            }
        if self.network_isolation:
            model["EnableNetworkIsolation"] = True
        return model

    def create_config(self) -> Call:
        named = {"EndpointConfigName": self.config_name, "Tags": self._tags}
        return Call("sagemaker", "create_endpoint_config", named | self._config())

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"ProductionVariants": [self._variant()]}
        if self.data_capture:
            config["DataCaptureConfig"] = {
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": self.data_capture,
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            }
        if self.async_output:
            config["AsyncInferenceConfig"] = {"OutputConfig": {"S3OutputPath": self.async_output}}
        if self.kms_key:
            config["KmsKeyId"] = self.kms_key
        return config

    def _variant(self) -> dict[str, Any]:
        variant: dict[str, Any] = {
            "VariantName": VARIANT,
            "ModelName": self.model_name,
            "InitialVariantWeight": self.variant_weight,
        }
        if self.serverless:
            memory, concurrency = self.serverless
            return variant | {
                "ServerlessConfig": {"MemorySizeInMB": memory, "MaxConcurrency": concurrency}
            }
        return variant | {
            "InstanceType": self.instance_type,
            "InitialInstanceCount": self.instances,
            "ContainerStartupHealthCheckTimeoutInSeconds": self.health_timeout,
            "ModelDataDownloadTimeoutInSeconds": self.health_timeout,
        }

    def create_endpoint(self) -> Call:
        parameters = {
            "EndpointName": self.name,
            "EndpointConfigName": self.config_name,
            "Tags": self._tags,
        }
        return Call("sagemaker", "create_endpoint", parameters)

    def update_endpoint(self) -> Call:
        parameters: dict[str, Any] = {
            "EndpointName": self.name,
            "EndpointConfigName": self.config_name,
        }
        if self.max_instances:  # keep what autoscaling made of the number of instances
            parameters["RetainAllVariantProperties"] = True
            parameters["ExcludeRetainedVariantProperties"] = [
                {"VariantPropertyType": "DesiredWeight"},
                {"VariantPropertyType": "DataCaptureConfig"},
            ]
        if not self.serverless:
            parameters["DeploymentConfig"] = self._deployment_config()
        return Call("sagemaker", "update_endpoint", parameters)

    def _deployment_config(self) -> dict[str, Any]:
        kind, percent = self.strategy
        size = {"Type": "CAPACITY_PERCENT", "Value": percent}
        alarms = [{"AlarmName": call.parameters["AlarmName"]} for call in self.alarms()]
        rollback = {"AutoRollbackConfiguration": {"Alarms": alarms}}
        if kind == "rolling":
            return rollback | {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": size,
                    "WaitIntervalInSeconds": BAKE_SECONDS,
                }
            }
        routing: dict[str, Any] = {
            "Type": kind.upper().replace("-", "_"),
            "WaitIntervalInSeconds": BAKE_SECONDS,
        }
        if kind in STEP_SIZES:
            routing[STEP_SIZES[kind]] = size
        return rollback | {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": 0,
            }
        }

    # --- alarms and scaling

    def alarms(self) -> list[Call]:
        return [
            self._alarm("5xx", "Invocation5XXErrors", 1, Statistic="Sum"),
            self._alarm("latency", "ModelLatency", LATENCY_MICROSECONDS, ExtendedStatistic="p99"),
        ]

    def _alarm(self, suffix: str, metric: str, threshold: float, **statistic: str) -> Call:
        parameters = {
            "AlarmName": f"{self.name}-{suffix}",
            "AlarmDescription": f"Rolls an update of the endpoint {self.name} back",
            "Namespace": "AWS/SageMaker",
            "MetricName": metric,
            "Dimensions": [
                {"Name": "EndpointName", "Value": self.name},
                {"Name": "VariantName", "Value": VARIANT},
            ],
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": float(threshold),
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "Tags": self._tags,
        }
        return Call("cloudwatch", "put_metric_alarm", parameters | statistic)

    def scaling(self) -> list[Call]:
        """Target tracking on invocations per instance; none where nothing is to scale."""
        if not self.max_instances:
            return []
        tracking = {
            "TargetValue": float(self.invocations_per_instance),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 300,
        }
        limits = {"MinCapacity": self.instances, "MaxCapacity": self.max_instances}
        policy = {
            "PolicyName": f"{self.name}-invocations",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking,
        }
        target = scaling_target(self.name)
        service = "application-autoscaling"
        return [
            Call(service, "register_scalable_target", target | limits),
            Call(service, "put_scaling_policy", target | policy),
        ]

    def calls(self) -> list[Call]:
        """Every request of a first deployment, in order; an update has update_endpoint instead."""
        return [
            self.create_model(),
            self.create_config(),
            *self.alarms(),
            self.create_endpoint(),
            *self.scaling(),
        ]


def scaling_target(name: str) -> dict[str, str]:
    """How Application Auto Scaling names the variant of an endpoint."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def is_of(name: str, candidate: str) -> bool:
    """Whether a model or config is a version of the endpoint ``name``."""
    return bool(re.fullmatch(rf"{re.escape(name)}-[0-9a-f]{{{HASH_LENGTH}}}", candidate))


def log_group(name: str) -> str:
    """Where SageMaker writes the logs of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{name}"
