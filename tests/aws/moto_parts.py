"""What the stand-in for AWS does in several places: it reads requests as the service would, fails
models that are broken, and writes logs.
"""

import json
import time

import botocore.session
import botocore.validate
from moto.logs.models import logs_backends

MODEL = botocore.session.get_session().get_service_model("sagemaker")
ACCOUNT, REGION = "123456789012", "eu-central-1"
LAST_WORDS = "error: the model cannot be served: it is broken"


def request_of(response, operation: str) -> dict:
    """The parameters of a request, checked as the service would."""
    request = json.loads(response.body)
    botocore.validate.validate_parameters(request, MODEL.operation_model(operation).input_shape)
    return request


def write_log(group: str, stream: str, text: str) -> None:
    backend = logs_backends[ACCOUNT][REGION]
    if group not in backend.groups:
        backend.create_log_group(group, {})
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)
    event = {"timestamp": time.time_ns() // 1_000_000, "message": text}
    backend.put_log_events(group, stream, [event])


def is_broken(backend, model: str) -> bool:
    return "broken" in backend._models[model].primary_container["Image"]
