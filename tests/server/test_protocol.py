"""What the server answers beside images: real HTTP, a stand-in for the handler."""

import os
import time

import pytest
import requests

from support.serving import PATIENCE, serve, until
from support.stand_in import TEXT, Upload, asleep, invoke_text, status_over_http_1_0
from support.wheels import write_wheel


def test_requirements_are_installed_beside_the_server(start, model_dir):
    (model_dir / "code").mkdir()
    wheel = write_wheel(model_dir / "code", "extra")
    (model_dir / "code" / "requirements.txt").write_text(f"./{wheel.name}\n")
    with start(model_dir, PIP_NO_INDEX="1") as server:
        assert list(server.tmp.glob("unet-*/packages/**/extra.py"))


def test_the_management_api_is_not_there(start, model_dir):
    with start(model_dir) as server:
        listening = [c for c in server.java().net_connections("tcp") if c.status == "LISTEN"]
        assert {c.laddr.port for c in listening} == {server.port}
        for path in ("models", "models/model"):
            assert requests.get(f"{server.url}/{path}", timeout=10).status_code == 404
        registering = requests.post(f"{server.url}/models?url=http://127.0.0.1/x", timeout=10)
        assert registering.status_code == 404


def test_execution_parameters(start, model_dir):
    with start(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        assert requests.get(f"{server.url}/execution-parameters", timeout=10).json() == {
            "MaxConcurrentTransforms": 2,
            "BatchStrategy": "SINGLE_RECORD",
            "MaxPayloadInMB": 100,
        }


def test_100_mb_both_ways(start, model_dir):
    size = 100 * 1024 * 1024
    with start(model_dir, SAGEMAKER_MODEL_SERVER_VMARGS="-Xmx512m") as server:
        assert invoke_text(server, b"hello " + bytes(size - 6)).text == f"hello {size}"
        assert len(invoke_text(server, f"bytes {size}".encode()).content) == size
        answer = invoke_text(server, bytes(size + 1))
        assert answer.status_code == 413
        assert answer.json()["code"] == 413
        assert invoke_text(server, b"hello").status_code == 200


def test_more_large_requests_than_the_memory_holds_get_503(start, model_dir):
    """Whichever of them it meets: those that come whole are answered."""
    large = b"hello " + bytes(20_000_000)
    with start(model_dir, SAGEMAKER_MODEL_SERVER_VMARGS="-Xmx128m") as server:
        uploads = [Upload(server, large) for _ in range(6)]
        assert invoke_text(server, b"small").status_code == 200
        for upload in uploads:
            upload.finish()
        assert {upload.status() for upload in uploads} == {200, 503}
        assert invoke_text(server, large).status_code == 200


def test_threads_follow_cpus_and_workers(start, model_dir):
    with start(model_dir, UNET_THREADS="3") as server:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            assert invoke_text(server, f"environment {name}".encode()).text == "3"


def test_http_1_0_clients_are_answered(start, model_dir):
    """MMS keeps every connection open, also those of clients that wait for the end."""
    with start(model_dir) as server:
        assert status_over_http_1_0(server) == 200


def test_multi_model_mode(start, model_dir, tmp_path):
    with start(None, SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BASE_DIR=str(tmp_path)) as server:
        assert server.load("abc", model_dir).status_code == 200
        answer = server.invoke(b"hello", "/models/abc/invoke", headers=TEXT)
        assert answer.text == "hello 5"
        assert server.stop() == 0


@pytest.mark.parametrize("query", [True, False])
def test_why_a_model_was_not_loaded(start, model_dir, tmp_path, query):
    (model_dir / "fail").write_text("too large")
    with start(None, SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_BASE_DIR=str(tmp_path)) as server:
        named = {"model_name": "größe", "url": str(model_dir)}
        arguments = {"params": named}
        answer = requests.post(
            f"{server.url}/models", timeout=PATIENCE, **(arguments if query else {"json": named})
        )
        error = {"code": 507, "type": "InsufficientStorage", "message": "too large"}
        assert (answer.status_code, answer.json()) == (507, error)
        assert answer.headers["x-request-id"]
        assert requests.get(f"{server.url}/models", timeout=PATIENCE).json()["models"] == []
        (model_dir / "fail").unlink()
        assert server.load("größe", model_dir).status_code == 200


@pytest.fixture(scope="module")
def many_models(entrypoint):
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "UNET_DRAIN_SECONDS": "2"}
    with serve(None, entrypoint=entrypoint, **settings) as server:
        yield server


def under_way(server, path, command):
    """Requests of which a worker has one, and Java has the others."""
    waiting = [Upload(server, command, path) for _ in range(6)]
    before = asleep(server)
    for upload in waiting:
        upload.finish()
    until(lambda: asleep(server) > before)
    for _ in range(8 * (os.cpu_count() or 1)):  # each of Java's threads has read what came before
        assert server.ping() == 200
    return waiting


def test_a_model_is_unloaded_when_those_who_wait_are_answered(many_models, model_dir):
    path = "/models/busy"
    assert many_models.load("busy", model_dir).status_code == 200
    waiting = under_way(many_models, f"{path}/invoke", b"sleep 0.2")
    gone = requests.delete(many_models.url + path, timeout=PATIENCE)
    assert gone.status_code == 200
    assert [upload.status() for upload in waiting] == [200] * 6
    assert many_models.invoke(b"hello", f"{path}/invoke", headers=TEXT).status_code == 404


def test_who_waits_for_a_model_that_is_unloaded_is_answered(many_models, model_dir):
    path = "/models/slow/invoke"
    assert many_models.load("slow", model_dir).status_code == 200
    waiting = under_way(many_models, path, b"sleep 1000")
    gone = requests.delete(f"{many_models.url}/models/slow", timeout=PATIENCE)
    assert gone.status_code == 200
    remedies = {
        # those in the queue, and one that MMS gets to after the unloading
        404: ("ModelNotFoundException", "; load it"),
        # with a worker that was ended
        500: ("InternalServerException", "; send the request again"),
    }
    errors = [upload.error() for upload in waiting]
    for error in errors:
        told, remedy = remedies[error["code"]]
        assert error["type"] == told
        assert remedy in error["message"]
    assert any("was unloaded while the request waited" in error["message"] for error in errors)
    # MMS itself would leave it for as long as the server runs
    until(lambda: not list(many_models.tmp.glob("unet-*/.mms.sock.*")))


@pytest.mark.parametrize("seconds", [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
def test_loads_and_unloads_that_meet_are_all_answered(many_models, model_dir, threads, seconds):
    model = {"model_name": "meeting", "url": str(model_dir)}
    path = "/models/meeting"

    def ask(method, path, **options):
        # a limit of its own: MMS would leave it for ever
        answer = requests.request(method, many_models.url + path, timeout=30, **options)
        return answer.status_code

    for _ in range(3):
        first = threads.submit(ask, "POST", "/models", json=model)
        time.sleep(seconds)
        others = [
            threads.submit(ask, "DELETE", path),
            threads.submit(ask, "POST", "/models", json=model),
            threads.submit(ask, "DELETE", path),
            threads.submit(ask, "POST", "/models", json=model),
            threads.submit(ask, "POST", f"{path}/invoke", data=b"hello", headers=TEXT),
        ]
        statuses = {future.result() for future in (first, *others)}
        assert statuses <= {200, 404, 409, 500, 503}
        assert ask("DELETE", path) in (200, 404)
    assert ask("POST", "/models", json=model) == 200
    assert ask("POST", f"{path}/invoke", data=b"hello", headers=TEXT) == 200
    assert ask("DELETE", path) == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "http://127.0.0.1:1/a.mar"},
        {"url": "a"},
        {"url": "/dev/zero"},
        {"handler": "os:system"},
        {"runtime": "python2"},
        {"initial_workers": "1000"},
        {"model_name": ""},
        {"model_name": "a/b"},
        {"model_name": ".."},
        {"model_name": "a\nb"},
        {"model_name": "a" * 201},
    ],
)
@pytest.mark.parametrize("how", ["json", "params"])
def test_models_come_from_folders_and_run_no_code(many_models, model_dir, asked, how):
    model = {"model_name": "a", "url": str(model_dir)} | asked
    answer = requests.post(f"{many_models.url}/models", timeout=PATIENCE, **{how: model})
    assert answer.status_code == 400
    assert "; send " in answer.json()["message"]
    assert requests.get(f"{many_models.url}/models", timeout=PATIENCE).json()["models"] == []


def test_an_image_for_no_model_is_told_where_to_go(many_models):
    answer = many_models.invoke(b"hello", headers=TEXT)
    assert answer.status_code == 400
    assert "send images to /models/NAME/invoke" in answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"[" * 50_000])
def test_what_is_no_json_object_is_400(many_models, body):
    headers = {"Content-Type": "application/json"}
    answer = many_models.invoke(body, "/models", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


def test_models_still_come_and_go(many_models, model_dir):
    name = "größe ?#%"
    path = f"{many_models.url}/models/{requests.utils.quote(name)}"
    assert many_models.load(name, model_dir.as_uri()).status_code == 200
    assert many_models.load(name, model_dir).status_code == 409
    assert many_models.load("other", model_dir / "none").status_code == 404
    assert requests.post(f"{path}/invoke", b"hello", headers=TEXT, timeout=PATIENCE).text
    assert requests.head(path, timeout=PATIENCE).status_code == 200
    assert requests.put(path, timeout=PATIENCE).headers["Allow"] == "GET, HEAD, DELETE"
    assert requests.delete(path, timeout=PATIENCE).status_code == 200
    assert requests.get(path, timeout=PATIENCE).status_code == 404
