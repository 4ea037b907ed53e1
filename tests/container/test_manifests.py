"""The manifests of examples/kubernetes: by the schemas of Kubernetes, and by what the server needs.

KServe's own members are those of its definition of InferenceService; all others are of a pod.
https://github.com/kserve/kserve/blob/master/config/crd/full/serving.kserve.io_inferenceservices.yaml
"""

import subprocess

import pytest
import yaml

from lib.environments import python_of
from serving.settings import Settings
from support.containers import ROOT

FOLDER = ROOT / "examples" / "kubernetes"
REQUIREMENTS = ROOT / "tests" / "fixtures" / "manifests" / "requirements.txt"
VERSION = "1.34"  # of Kubernetes
KILL_SECONDS = 2  # after the drain, until the supervisor kills what is left
OF_KSERVE = {
    "annotations", "autoScaling", "batcher", "canaryTrafficPercent", "containerConcurrency",
    "deploymentStrategy", "labels", "logger", "maxReplicas", "minReplicas", "scaleMetric",
    "scaleMetricType", "scaleTarget", "timeout",
}  # fmt: skip


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def validate(tmp_path, manifests):
    """Check manifests with the schemas of Kubernetes, in which no unknown member is allowed."""
    python = python_of(ROOT / ".venv-manifests", REQUIREMENTS)
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    program = python.with_name("kubernetes-validate")
    command = [program, "--strict", "--kubernetes-version", VERSION, file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def pod_of_the_service():
    """The pod that KServe makes of the InferenceService, without what is KServe's own."""
    [service] = documents("inference-service.yaml")
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    assert set(service["spec"]) == {"predictor"}
    predictor = service["spec"]["predictor"]
    spec = {key: value for key, value in predictor.items() if key not in OF_KSERVE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": spec}


def test_they_are_what_kubernetes_takes(tmp_path):
    code, output = validate(tmp_path, [*documents("deployment.yaml"), pod_of_the_service()])
    assert code == 0, output


def test_what_it_does_not_know_is_found(tmp_path):
    pod = pod_of_the_service()
    pod["spec"]["containers"][0]["readinesProbe"] = {}
    code, output = validate(tmp_path, [pod])
    assert code != 0
    assert "readinesProbe" in output


def pods():
    [deployment] = [d for d in documents("deployment.yaml") if d["kind"] == "Deployment"]
    return {
        "deployment": deployment["spec"]["template"]["spec"],
        "KServe": pod_of_the_service()["spec"],
    }


@pytest.mark.parametrize("name", ["deployment", "KServe"])
def test_a_pod_fits_the_server(name):
    pod = pods()[name]
    [container] = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/ping"
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    settings = Settings.from_environment(variables | {"UNET_MODEL_DIR": "/opt/ml/model"})
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = sleep + settings.drain_seconds + KILL_SECONDS
    assert needed <= pod["terminationGracePeriodSeconds"] <= needed + 10
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert set(container["resources"]) == {"requests", "limits"}


def test_parts_name_each_other():
    found = {document["kind"]: document for document in documents("deployment.yaml")}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "unet"
