"""The requests that make a SageMaker endpoint of an image and a model. Nothing here calls AWS.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from dataclasses import dataclass, field
from typing import Any

from aws.lib import alarms, scaling
from aws.lib.calls import Call, tag_list
from aws.lib.machines import INSTANCE_TYPE, ami_of
from aws.lib.names import TAG, VARIANT, version
from aws.lib.scaling import Scaling

STARTUP_SECONDS = 300  # for the health check, and as much to load the artifact
LATENCY_SECONDS = 30.0  # p99 of the model; half of what SageMaker lets a request take
FAILED = "failed"  # below the place of asynchronous answers: what failed, and why
ROUTING = {"least-outstanding": "LEAST_OUTSTANDING_REQUESTS", "random": "RANDOM"}


@dataclass(frozen=True)
class Deployment:
    """What is to be deployed; the options of deploy.py, and what they were found to mean.

    Attributes:
        image: by its digest, once ``sources.resolve`` has looked it up.
        model_data: in S3: an archive, or a prefix that ends in a slash, below which the files of
            one model lie as they are, or the archives of many.
        artifact: what S3 says of the bytes of the artifact, a version or an ETag, or a digest of
            those of all files; "": not known. It is in the hash of the names: other bytes below the
            same key are another version.
    """

    name: str
    image: str
    model_data: str
    role: str
    artifact: str = ""
    instance_type: str = INSTANCE_TYPE
    inference_ami: str | None = None  # None: by the instance type
    instances: int = 1
    min_instances: int | None = None
    max_instances: int | None = None
    concurrency_per_instance: int | None = None
    invocations_per_instance: int | None = None  # a minute
    backlog_per_instance: int | None = None
    no_scaling: bool = False
    serverless: tuple[int, int] | None = None  # megabytes of memory, concurrent requests
    provisioned: int | None = None  # of these concurrent requests, always warm
    max_provisioned: int | None = None
    async_output: str | None = None
    multi_model: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    variant_weight: float = 1.0
    routing: str = "least-outstanding"
    data_capture: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str | None = None
    network_isolation: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    health_timeout: int = STARTUP_SECONDS
    strategy: tuple[str, int] = ("all-at-once", 100)  # or canary, linear, rolling; percent
    own_alarms: tuple[str, ...] = ()  # names of alarms that exist
    no_alarms: bool = False
    alarm_errors: int = 1  # answers of 5xx in a minute
    alarm_latency: float | None = None  # seconds, p99

    # --- names: those of model and config say what is in them

    @property
    def model_name(self) -> str:
        content = self._model()
        return version(
            self.name, content | {"Artifact": self.artifact} if self.artifact else content
        )

    @property
    def config_name(self) -> str:
        return version(self.name, self._config())

    @property
    def all_tags(self) -> dict[str, str]:
        return self.tags | {TAG: self.name}

    # --- model, config, endpoint

    def create_model(self) -> Call:
        named = {"ModelName": self.model_name, "Tags": tag_list(self.all_tags)}
        return Call("sagemaker", "create_model", named | self._model())

    def _model(self) -> dict[str, Any]:
        environment = dict(self.environment)
        if self.multi_model:
            environment["SAGEMAKER_MULTI_MODEL"] = "true"
        container = {
            "Image": self.image,
            "Mode": "MultiModel" if self.multi_model else "SingleModel",
            **model_source(self.model_data, self.multi_model),
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
        named = {"EndpointConfigName": self.config_name, "Tags": tag_list(self.all_tags)}
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
            failures = f"{self.async_output.rstrip('/')}/{FAILED}/"
            places = {"S3OutputPath": self.async_output, "S3FailurePath": failures}
            config["AsyncInferenceConfig"] = {"OutputConfig": places}
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
            size = {"MemorySizeInMB": memory, "MaxConcurrency": concurrency}
            if self.provisioned:
                size["ProvisionedConcurrency"] = self.provisioned
            return variant | {"ServerlessConfig": size}
        if not self.async_output and not self.multi_model:  # those are not routed by load
            variant["RoutingConfig"] = {"RoutingStrategy": ROUTING[self.routing]}
        ami = self.inference_ami or ami_of(self.instance_type)
        if ami:
            variant["InferenceAmiVersion"] = ami
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
            "Tags": tag_list(self.all_tags),
        }
        return Call("sagemaker", "create_endpoint", parameters)

    def update_endpoint(self, scaled: bool = False) -> Call:
        """The request that changes an endpoint to this version.

        Args:
            scaled: autoscaling is at work there, and goes on.
        """
        watched = [call.parameters["AlarmName"] for call in self.alarms()]
        names = [] if self.no_alarms else [*watched, *self.own_alarms]
        config = None if self.serverless else alarms.deployment_config(self.strategy, names)
        retain = bool(self.scaling or scaled) and not self.no_scaling
        return update(self.name, self.config_name, retain, config)

    # --- alarms and scaling

    def alarms(self) -> list[Call]:
        """Those on this version; none where SageMaker does not look at them."""
        if self.no_alarms or self.serverless:
            return []
        latency = self.alarm_latency
        if latency is None and not self.async_output:  # asynchronous answers take minutes
            latency = LATENCY_SECONDS
        return alarms.of_version(
            self.name, self.config_name, self.alarm_errors, latency, self.all_tags
        )

    @property
    def scaling(self) -> Scaling | None:
        """How the endpoint is to be scaled; None: nothing is asked for."""
        if self.serverless:
            if not self.max_provisioned:
                return None
            low, high = self.provisioned or 1, self.max_provisioned
            return Scaling("utilization", scaling.UTILIZATION, low, high)
        if not self.max_instances:
            return None
        if self.async_output:
            backlog = self.backlog_per_instance or scaling.BACKLOG
            return Scaling("backlog", backlog, self.min_instances or 0, self.max_instances)
        low, high = self.min_instances or self.instances, self.max_instances
        if self.invocations_per_instance or self.multi_model:
            invocations = self.invocations_per_instance or scaling.INVOCATIONS
            return Scaling("invocations", invocations, low, high)
        at_once = self.concurrency_per_instance or scaling.CONCURRENCY
        return Scaling("concurrency", at_once, low, high)

    def calls(self) -> list[Call]:
        """Every request of a first deployment, in order; an update has update_endpoint instead."""
        calls = [self.create_model(), self.create_config(), *self.alarms(), self.create_endpoint()]
        if self.scaling:
            calls += self.scaling.calls(self.name)
            if self.scaling.wakes:
                calls.append(scaling.wake_alarm(self.name, scaling.POLICY_ARN, self.all_tags))
        return calls


def is_uncompressed(model_data: str, multi_model: bool) -> bool:
    """Whether a place in S3 is a prefix with the files of one model, as they are."""
    return model_data.endswith("/") and not multi_model


def model_source(model_data: str, multi_model: bool) -> dict[str, Any]:
    """The member of a container definition that says where the model is."""
    if not is_uncompressed(model_data, multi_model):
        return {"ModelDataUrl": model_data}
    source = {"S3Uri": model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def update(name: str, config: str, retain: bool, deployment_config: dict[str, Any] | None) -> Call:
    """The request that changes an endpoint to a config.

    Args:
        retain: keep what autoscaling made of the number of instances.
        deployment_config: how; None: as SageMaker does it.
    """
    parameters: dict[str, Any] = {"EndpointName": name, "EndpointConfigName": config}
    if retain:
        parameters["RetainAllVariantProperties"] = True
        parameters["ExcludeRetainedVariantProperties"] = [
            {"VariantPropertyType": "DesiredWeight"},
            {"VariantPropertyType": "DataCaptureConfig"},
        ]
    if deployment_config:
        parameters["DeploymentConfig"] = deployment_config
    return Call("sagemaker", "update_endpoint", parameters)
