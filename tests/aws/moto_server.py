"""AWS over HTTP, by moto, on a free port of this machine: prints its URL, and serves until it ends.

These tests need a few things on top, which moto lacks; what it does not know is checked against
botocore's model of the service, and then done as AWS's documentation says:

- UpdateEndpoint: a model whose image is called "broken" is rolled back, after its container wrote a
  line into a log stream of its own. The endpoint tells how it was updated. The instance type of
  what is scaled cannot be changed.
- What was not asked for is not there; moto's is empty.
- Instance types are those that botocore knows.
- AddTags overwrites; moto's adds a second tag of the same key.
- A transform job writes an object for each image of its manifest, unless that is called "broken":
  the job fails then, and writes its log. A job called "slow…" ends when StopTransformJob is called.
- Provisioned concurrency can be scaled, and the copies of inference components, which are made,
  described, changed and deleted; one whose model has an image called "broken" does not come up.
- POST /fail/K makes the K-th request from now on be refused; POST /fail/0 ends that, and answers
  how many were left until then: none or fewer if one was refused. Requests that change
  something are counted, and the first one after each of them: between others nothing changes.
- POST /status/NAME/STATUS gives an endpoint a status; POST /config/NAME/CONFIG a config.

POST /moto-api/reset is moto's own: it forgets everything.
"""

import json
import threading

from moto.applicationautoscaling import models as autoscaling
from moto.applicationautoscaling import responses as autoscaling_responses
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from moto.sagemaker.models import FakeEndpointConfig, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto_components import (
    components,
    create_inference_component,
    delete_inference_component,
    describe_inference_component,
    update_inference_component,
)
from moto_parts import ACCOUNT, LAST_WORDS, MODEL, REGION, is_broken, request_of, write_log
from werkzeug.serving import make_server

REFUSED = (
    b'{"__type": "AccessDeniedException", "message": "not authorized"}',
    "application/x-amz-json-1.1",
)
REFUSED_QUERY = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error>"
    b"</ErrorResponse>",
    "text/xml",
)


def update_endpoint(self) -> str:
    request = request_of(self, "UpdateEndpoint")
    backend, name = self.sagemaker_backend, request["EndpointName"]
    if name not in backend.endpoints:
        raise JsonRESTError("ValidationException", f'Could not find endpoint "{name}".')
    config_name = request["EndpointConfigName"]
    if config_name not in backend.endpoint_configs:
        raise JsonRESTError("ValidationException", f'Could not find config "{config_name}".')
    endpoint = backend.endpoints[name]
    if endpoint.endpoint_status == "Updating":
        raise JsonRESTError("ValidationException", f"Cannot update in-progress endpoint {name}.")
    variants = backend.endpoint_configs[config_name].production_variants
    old = backend.endpoint_configs[endpoint.endpoint_config_name].production_variants
    if is_scaled(name) and variants[0].get("InstanceType") != old[0].get("InstanceType"):
        raise JsonRESTError("ValidationException", "The variant is a target of auto scaling.")
    endpoint.last_deployment_config = request.get("DeploymentConfig")
    endpoint.failure_reason = None
    if any("ModelName" in v and is_broken(backend, v["ModelName"]) for v in variants):
        endpoint.failure_reason = "The container did not pass the ping health check."
        write_log(f"/aws/sagemaker/Endpoints/{name}", f"AllTraffic/{config_name}", LAST_WORDS)
    else:
        kept = endpoint.production_variants[0].get("DesiredInstanceCount")
        endpoint.endpoint_config_name = config_name
        endpoint.production_variants = endpoint._process_production_variants(variants)
        if request.get("RetainAllVariantProperties") and kept is not None:
            for key in ("DesiredInstanceCount", "CurrentInstanceCount"):
                endpoint.production_variants[0][key] = kept
        endpoint.endpoint_status = "InService"
    return json.dumps({"EndpointArn": endpoint.arn})


def is_scaled(name: str) -> bool:
    targets = autoscaling.applicationautoscaling_backends[ACCOUNT][REGION].targets
    return any(f"endpoint/{name}/" in r for resources in targets.values() for r in resources)


def add_tags(self, arn, tags):
    resource = self._get_resource_from_arn(arn)
    new = {tag["Key"] for tag in tags}
    resource.tags = [tag for tag in resource.tags if tag["Key"] not in new] + tags
    return resource.tags


def create_transform_job(self):
    request = request_of(self, "CreateTransformJob")
    answer = motos_create_transform_job(self)
    backend = self.sagemaker_backend
    job = backend.transform_jobs[request["TransformJobName"]]
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    assert source["S3DataType"] == "ManifestFile", source
    prefix, *names = json.loads(read(source["S3Uri"]))
    if job.transform_job_name.startswith("slow"):
        job.transform_job_status = "InProgress"
        return answer
    failed = [n for n in names if "broken" in n or is_broken(backend, job.model_name)]
    for name in set(names) - set(failed):
        bucket, _, key = request["TransformOutput"]["S3OutputPath"][5:].partition("/")
        s3_backends[ACCOUNT]["aws"].put_object(bucket, f"{key}/{name}.out", b"a mask")
    if failed:
        job.transform_job_status = "Failed"
        job.failure_reason = "ClientError: 400"
        log = f"{job.transform_job_name}/i-1"
        write_log("/aws/sagemaker/TransformJobs", log, f"{failed[0]}: this is no image")
    assert prefix["prefix"].startswith("s3://")
    return answer


def delete_endpoint(self) -> str:
    """An endpoint that has inference components, or is being changed, cannot be deleted."""
    name = request_of(self, "DeleteEndpoint")["EndpointName"]
    found = self.sagemaker_backend.endpoints.get(name)
    if found and found.endpoint_status in {"Creating", "Updating", "Deleting"}:
        raise JsonRESTError("ValidationException", f"Cannot update in-progress endpoint {name}.")
    if any(c["EndpointName"] == name for c in components(self.sagemaker_backend).values()):
        raise JsonRESTError("ValidationException", "The endpoint has inference components.")
    return motos_delete_endpoint(self)


def without_empty(describe):
    """A description without what is empty, because it was not asked for."""

    def describe_without(self):
        described = describe(self).result
        return ActionResult({key: value for key, value in described.items() if value != {}})

    return describe_without


def validate_instance_type(self, instance_type: str) -> None:
    """By botocore's list; moto's is years old."""
    if instance_type not in MODEL.shape_for("ProductionVariantInstanceType").enum:
        raise JsonRESTError("ValidationException", f"there is no {instance_type}")


def validate_production_variants(self, variants: list[dict]) -> None:
    """Those of inference components have no model."""
    motos_validate(self, [variant for variant in variants if "ModelName" in variant])


def stop_transform_job(self) -> str:
    name = request_of(self, "StopTransformJob")["TransformJobName"]
    self.sagemaker_backend.transform_jobs[name].transform_job_status = "Stopped"
    return "{}"


def read(uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3_backends[ACCOUNT]["aws"].get_object(bucket, key).value


class Dimension:
    """A dimension that moto's list lacks; its only use there is ``value``."""

    def __init__(self, value: str):
        self.value = value


def only_reads(environ) -> bool:
    """Whether a request changes nothing, by the name of its operation, or by its method."""
    query = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form")  # STS's
    path = environ["PATH_INFO"].rpartition("/operation/")  # CloudWatch's
    name = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or (path[2] if path[1] else "")
    if name:
        return name.startswith(("Describe", "List", "Get"))
    return query or environ["REQUEST_METHOD"] in {"GET", "HEAD"}


class Faults:
    """Passes requests on to moto, and refuses one when POST /fail/K says so."""

    def __init__(self, application):
        self._application = application
        self._lock = threading.Lock()
        self._left = 0
        self._changed = False  # by the request before

    def __call__(self, environ, start_response):
        _, what, *rest = environ["PATH_INFO"].split("/")
        if what in {"fail", "status", "config"}:
            left = self._left
            self._set(what, *rest)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(left).encode()]
        if self._refuses(environ):
            query = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form")
            body, kind = REFUSED_QUERY if query else REFUSED
            start_response("403 Forbidden", [("Content-Type", kind)])
            return [body]
        return self._application(environ, start_response)

    def _set(self, what: str, name: str, value: str = "") -> None:
        endpoints = sagemaker_backends[ACCOUNT][REGION].endpoints
        if what == "fail":
            self._left, self._changed = int(name), False
        elif what == "status":
            endpoints[name].endpoint_status = value
        else:
            endpoints[name].endpoint_config_name = value

    def _refuses(self, environ) -> bool:
        with self._lock:
            changes = not only_reads(environ)
            counts = changes or self._changed
            self._changed = changes
            if not counts:
                return False
            self._left -= 1
            return self._left == 0


if __name__ == "__main__":
    motos_create_transform_job = SageMakerResponse.create_transform_job
    SageMakerResponse.create_transform_job = create_transform_job
    SageMakerResponse.stop_transform_job = stop_transform_job
    SageMakerResponse.update_endpoint = update_endpoint
    type(sagemaker_backends[ACCOUNT][REGION]).add_tags = add_tags
    motos_delete_endpoint = SageMakerResponse.delete_endpoint
    for added in (
        create_inference_component,
        update_inference_component,
        describe_inference_component,
        delete_inference_component,
        delete_endpoint,
    ):
        setattr(SageMakerResponse, added.__name__, added)
    for name in ("describe_model", "describe_endpoint_config", "describe_endpoint"):
        describe = getattr(SageMakerResponse, name)
        setattr(SageMakerResponse, name, without_empty(describe))
    FakeEndpointConfig.validate_instance_type = validate_instance_type
    motos_validate = SageMakerModelBackend.validate_production_variants
    SageMakerModelBackend.validate_production_variants = validate_production_variants
    dimensions = [
        *autoscaling.ScalableDimensionValueSet,
        Dimension("sagemaker:variant:DesiredProvisionedConcurrency"),
        Dimension("sagemaker:inference-component:DesiredCopyCount"),
    ]
    autoscaling.ScalableDimensionValueSet = dimensions
    autoscaling_responses.ScalableDimensionValueSet = dimensions
    application = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
