"""What the server answers beside images: real HTTP, a stand-in for the handler."""

import pytest
import requests

from support.serving import PATIENCE
from support.stand_in import TEXT, Upload, invoke_text, status_over_http_1_0
from support.wheels import write_wheel


def test_requirements_are_installed_beside_the_server(start, model_dir, tmp_path):
    wheel = write_wheel(tmp_path, "extra")
    (model_dir / "code").mkdir()
    (model_dir / "code" / "requirements.txt").write_text(f"{wheel}\n")
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
    large = b"hello " + bytes(20_000_000)
    with start(model_dir, SAGEMAKER_MODEL_SERVER_VMARGS="-Xmx128m") as server:
        first = Upload(server, large)
        refused = invoke_text(server, large)
        assert refused.status_code == 503
        assert "memory" in refused.json()["message"]
        assert refused.headers["Retry-After"]
        assert invoke_text(server, b"small").status_code == 200
        first.finish()
        assert first.status() == 200
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
        arguments = {"params": named | {"initial_workers": 1, "synchronous": "true"}}
        answer = requests.post(
            f"{server.url}/models", timeout=PATIENCE, **(arguments if query else {"json": named})
        )
        error = {"code": 507, "type": "InsufficientStorage", "message": "too large"}
        assert (answer.status_code, answer.json()) == (507, error)
        assert answer.headers["x-request-id"]
        assert requests.get(f"{server.url}/models", timeout=PATIENCE).json()["models"] == []
        (model_dir / "fail").unlink()
        assert server.load("größe", model_dir).status_code == 200
