"""Inference components, which moto lacks, as AWS's documentation says."""

import json
import time

from moto.core.exceptions import JsonRESTError
from moto_parts import ACCOUNT, LAST_WORDS, REGION, is_broken, request_of, write_log


def components(backend) -> dict[str, dict]:
    """The inference components; moto forgets them with everything else."""
    return backend.__dict__.setdefault("inference_components", {})


def component_of(self, request: dict) -> dict:
    name = request["InferenceComponentName"]
    if name not in components(self.sagemaker_backend):
        raise JsonRESTError("ValidationException", f'Could not find inference component "{name}".')
    return components(self.sagemaker_backend)[name]


def create_inference_component(self) -> str:
    request = request_of(self, "CreateInferenceComponent")
    backend, name = self.sagemaker_backend, request["InferenceComponentName"]
    if name in components(backend):
        raise JsonRESTError("ValidationException", "Cannot create already existing component.")
    config = backend.endpoints[request["EndpointName"]].endpoint_config_name
    [variant] = backend.endpoint_configs[config].production_variants
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"]["Status"] == "ENABLED"
    copies = request["RuntimeConfig"]["CopyCount"]
    components(backend)[name] = made = {
        key: request[key]
        for key in ("InferenceComponentName", "EndpointName", "VariantName", "Specification")
    }
    place = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    made |= {
        "InferenceComponentArn": f"{place}:inference-component/{name}",
        "EndpointArn": f"{place}:endpoint/{request['EndpointName']}",
        "CreationTime": time.time(),
        "LastModifiedTime": time.time(),
        "RuntimeConfig": {"DesiredCopyCount": copies, "CurrentCopyCount": copies},
        "InferenceComponentStatus": "InService",
    }
    fail_if_broken(backend, made, request["Specification"]["ModelName"], "Failed")
    return json.dumps({"InferenceComponentArn": made["InferenceComponentArn"]})


def update_inference_component(self) -> str:
    """A model that is broken is rolled back."""
    request = request_of(self, "UpdateInferenceComponent")
    found = component_of(self, request)
    if not fail_if_broken(
        self.sagemaker_backend, found, request["Specification"]["ModelName"], "InService"
    ):
        found["Specification"] = request["Specification"]
    return json.dumps({"InferenceComponentArn": found["InferenceComponentArn"]})


def fail_if_broken(backend, component: dict, model: str, status: str) -> bool:
    component.pop("FailureReason", None)
    component["InferenceComponentStatus"] = "InService"
    if is_broken(backend, model):
        component["FailureReason"] = "The container did not pass the ping health check."
        component["InferenceComponentStatus"] = status
        group = f"/aws/sagemaker/InferenceComponents/{component['InferenceComponentName']}"
        write_log(group, f"AllTraffic/{model}", LAST_WORDS)
        return True
    return False


def describe_inference_component(self) -> str:
    return json.dumps(component_of(self, request_of(self, "DescribeInferenceComponent")))


def delete_inference_component(self) -> str:
    request = request_of(self, "DeleteInferenceComponent")
    component_of(self, request)
    del components(self.sagemaker_backend)[request["InferenceComponentName"]]
    return "{}"
