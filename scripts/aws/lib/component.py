"""The requests that make an endpoint with an inference component: copies of a container that come
and go by load, down to none, and instances that come and go with them. Nothing here calls AWS.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html
"""

from dataclasses import dataclass
from typing import Any

from aws.lib import scaling
from aws.lib.calls import Call, tag_list
from aws.lib.deployment import ROUTING, STARTUP_SECONDS, Deployment
from aws.lib.machines import INSTANCE_TYPE, ami_of, has_gpu
from aws.lib.names import VARIANT, version
from aws.lib.scaling import Scaling

MEMORY_MB = 3072  # of a copy, with two workers
CPUS = 2.0
WAIT_SECONDS = 60  # between two copies that are replaced


@dataclass(frozen=True)
class Component:
    """What is to be deployed.

    Attributes:
        model: image, artifact and role, and the names of endpoint and component, which are one.
        cpus, memory_mb: what SageMaker sets aside for each copy, to see how many fit an instance.
        max_copies: up to which it is scaled; min_copies: down to which.
    """

    model: Deployment
    instance_type: str = INSTANCE_TYPE
    inference_ami: str | None = None
    max_instances: int = 2
    cpus: float = CPUS
    memory_mb: int = MEMORY_MB
    min_copies: int = 0
    max_copies: int = 2
    concurrency_per_copy: int = scaling.CONCURRENCY
    health_timeout: int = STARTUP_SECONDS

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def config_name(self) -> str:
        return version(self.name, self._config())

    def create_config(self) -> Call:
        named = {"EndpointConfigName": self.config_name, "Tags": tag_list(self.model.all_tags)}
        return Call("sagemaker", "create_endpoint_config", named | self._config())

    def _config(self) -> dict[str, Any]:
        variant: dict[str, Any] = {
            "VariantName": VARIANT,
            "InstanceType": self.instance_type,
            "InitialInstanceCount": 1,
            "ManagedInstanceScaling": {
                "Status": "ENABLED",
                "MinInstanceCount": min(self.min_copies, 1),
                "MaxInstanceCount": self.max_instances,
            },
            "RoutingConfig": {"RoutingStrategy": ROUTING["least-outstanding"]},
        }
        ami = self.inference_ami or ami_of(self.instance_type)
        if ami:
            variant["InferenceAmiVersion"] = ami
        return {"ProductionVariants": [variant], "ExecutionRoleArn": self.model.role}

    def create_endpoint(self) -> Call:
        parameters = {
            "EndpointName": self.name,
            "EndpointConfigName": self.config_name,
            "Tags": tag_list(self.model.all_tags),
        }
        return Call("sagemaker", "create_endpoint", parameters)

    @property
    def specification(self) -> dict[str, Any]:
        """What a copy is, and what it needs."""
        resources: dict[str, Any] = {"MinMemoryRequiredInMb": self.memory_mb}
        if has_gpu(self.instance_type):
            resources["NumberOfAcceleratorDevicesRequired"] = 1.0
        else:
            resources["NumberOfCpuCoresRequired"] = self.cpus
        return {
            "ModelName": self.model.model_name,
            "StartupParameters": {
                "ModelDataDownloadTimeoutInSeconds": self.health_timeout,
                "ContainerStartupHealthCheckTimeoutInSeconds": self.health_timeout,
            },
            "ComputeResourceRequirements": resources,
        }

    def create_component(self) -> Call:
        parameters = {
            "InferenceComponentName": self.name,
            "EndpointName": self.name,
            "VariantName": VARIANT,
            "Specification": self.specification,
            "RuntimeConfig": {"CopyCount": 1},
            "Tags": tag_list(self.model.all_tags),
        }
        return Call("sagemaker", "create_inference_component", parameters)

    def update_component(self) -> Call:
        return update(self.name, self.specification)

    @property
    def scaling(self) -> Scaling:
        target = self.concurrency_per_copy
        return Scaling("copies", target, self.min_copies, self.max_copies)

    def calls(self) -> list[Call]:
        """Every request of a first deployment, in order."""
        calls = [
            self.model.create_model(),
            self.create_config(),
            self.create_endpoint(),
            self.create_component(),
            *self.scaling.calls(self.name),
        ]
        if self.scaling.wakes:
            wake = scaling.wake_alarm(
                self.name, scaling.POLICY_ARN, self.model.all_tags, scaling.COPIES
            )
            calls.append(wake)
        return calls


def update(name: str, specification: dict[str, Any]) -> Call:
    """The request that replaces copies one by one; they are not fewer meanwhile."""
    one = {"Type": "COPY_COUNT", "Value": 1}
    rolling = {"MaximumBatchSize": one, "WaitIntervalInSeconds": WAIT_SECONDS}
    parameters = {
        "InferenceComponentName": name,
        "Specification": specification,
        "DeploymentConfig": {"RollingUpdatePolicy": rolling},
    }
    return Call("sagemaker", "update_inference_component", parameters)
