"""AWS over HTTP, by moto, on a free port of this machine: prints its URL, and serves until it ends.

These tests need a few things on top:

- UpdateEndpoint, which moto lacks: the request is checked against botocore's service model; a model
  whose image is called "broken" is rolled back, as SageMaker does if the container does not start.
- A transform job of such a model fails; moto's jobs are all completed.
- POST /fail/K makes the K-th request from now on be refused; POST /fail/0 ends that.

POST /moto-api/reset is moto's own: it forgets everything.
"""

import json
import threading

import botocore.session
import botocore.validate
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.responses import SageMakerResponse
from werkzeug.serving import make_server

MODEL = botocore.session.get_session().get_service_model("sagemaker")


def update_endpoint(self) -> str:
    request = json.loads(self.body)
    shape = MODEL.operation_model("UpdateEndpoint").input_shape
    botocore.validate.validate_parameters(request, shape)
    backend, name = self.sagemaker_backend, request["EndpointName"]
    if name not in backend.endpoints:
        raise JsonRESTError("ValidationException", f'Could not find endpoint "{name}".')
    config_name = request["EndpointConfigName"]
    if config_name not in backend.endpoint_configs:
        raise JsonRESTError("ValidationException", f'Could not find config "{config_name}".')
    endpoint = backend.endpoints[name]
    variants = backend.endpoint_configs[config_name].production_variants
    endpoint.failure_reason = None
    if any(is_broken(backend, variant["ModelName"]) for variant in variants):
        endpoint.failure_reason = "The container did not pass the ping health check."
    else:
        endpoint.endpoint_config_name = config_name
        endpoint.production_variants = endpoint._process_production_variants(variants)
    return json.dumps({"EndpointArn": endpoint.arn})


def create_transform_job(self):
    answer = motos_create_transform_job(self)
    backend = self.sagemaker_backend
    job = backend.transform_jobs[self._get_param("TransformJobName")]
    if is_broken(backend, job.model_name):
        job.transform_job_status = "Failed"
        job.failure_reason = "ClientError: 400"
    return answer


def is_broken(backend, model: str) -> bool:
    return "broken" in backend._models[model].primary_container["Image"]


class Faults:
    """Passes requests on to moto, and refuses one when POST /fail/K says so."""

    def __init__(self, application):
        self._application = application
        self._lock = threading.Lock()
        self._left = 0

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/fail/"):
            self._left = int(path.removeprefix("/fail/"))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b""]
        if self._refuses():
            start_response("403 Forbidden", [("Content-Type", "application/x-amz-json-1.1")])
            return [b'{"__type": "AccessDeniedException", "message": "not authorized"}']
        return self._application(environ, start_response)

    def _refuses(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0


if __name__ == "__main__":
    motos_create_transform_job = SageMakerResponse.create_transform_job
    SageMakerResponse.create_transform_job = create_transform_job
    SageMakerResponse.update_endpoint = update_endpoint
    application = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
