"""What ``serving`` needs of multi-model-server (MMS): each test is named by it."""

import json
import logging
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mms.context import Context, RequestProcessor
from mms.metrics.metrics_store import MetricsStore
from mms.model_loader import ModelLoaderFactory
from mms.service import Service, emit_metrics

from mms.model_service_worker import MXNetModelServiceWorker
from serving import contract, upstream
from serving.errors import UpstreamChanged

MMS = upstream.frontend_jar().parent.parent


# --- the launcher, multi-model-server


@pytest.fixture
def java_command(tmp_path) -> dict:
    """What the launcher starts, as a program in place of Java sees it."""
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        "seen = {'arguments': sys.argv[1:], 'pid': os.getpid()}\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(json.dumps(seen))\n"
    )
    java.chmod(0o755)
    (tmp_path / "log4j2.xml").touch()
    (tmp_path / "mms.properties").write_text("vmargs=-Xmx9m @java.args\n")
    subprocess.run(
        [
            Path(sys.executable).with_name("multi-model-server"),
            *("--start", "--foreground", "--model-store", "/", "--models", "model=/model"),
            *("--mms-config", tmp_path / "mms.properties"),
            *("--log-config", tmp_path / "log4j2.xml"),
        ],
        env=os.environ
        | {
            "JAVA_HOME": str(tmp_path / "java"),
            "TMPDIR": str(tmp_path),
            "TEMP": str(tmp_path),
        },
        check=True,
        capture_output=True,
    )
    return json.loads((tmp_path / "seen").read_text())


def test_arguments_for_java_stand_before_the_main_class_of_mms(java_command):
    arguments = java_command["arguments"]
    place = arguments.index("@java.args")
    assert arguments[place - 1] == "-Xmx9m"
    assert arguments[place + 1] == "-cp"
    assert arguments[place + 3] == "com.amazonaws.ml.mms.ModelServer"
    assert {"-f", "-m", "model=/model"} <= set(arguments[place + 4 :])


def test_the_log_is_configured_by_a_property(java_command, tmp_path):
    argument = f"-Dlog4j.configurationFile=file://{tmp_path}/log4j2.xml"
    assert argument in java_command["arguments"]


def test_the_temporary_folder_of_java_is_temp(java_command, tmp_path):
    assert f"-Djava.io.tmpdir={tmp_path}" in java_command["arguments"]


def test_the_process_id_of_java_is_in_the_pid_file(java_command, tmp_path):
    assert int((tmp_path / upstream.PID_FILE).read_text()) == java_command["pid"]


def test_the_launcher_fits():
    upstream.check_launcher()


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("cmd.extend(arg_list)", "pass", "does not put vmargs between"),
        ('"com.amazonaws.ml.mms.ModelServer"', '"org.Server"', "does not put vmargs between"),
        (upstream.PID_FILE, ".other.pid", "does not write .model_server.pid"),
    ],
)
def test_another_launcher_is_refused(monkeypatch, tmp_path, old, new, difference):
    source = (MMS / "model_server.py").read_text()
    assert old in source
    package = tmp_path / "mms"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model_server.py").write_text(source.replace(old, new))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mms")
    with pytest.raises(UpstreamChanged, match=rf"^multi-model-server [\d.]+ .*{difference}"):
        upstream.check_launcher()


# --- workers


def test_workers_are_forks_of_the_process_that_mms_starts():
    """``multiprocessing`` forks by default: workers share the memory of their parent."""
    assert multiprocessing.get_all_start_methods()[0] == "fork"
    source = (MMS / "model_service_worker.py").read_text()
    assert "multiprocessing.Process(target=self.start_worker" in source


def test_a_worker_keeps_the_number_of_threads(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MXNET_USE_OPERATOR_TUNING", "0")  # which the worker sets otherwise
    worker = MXNetModelServiceWorker("unix", str(tmp_path / "socket"), tmp_dir=str(tmp_path))
    worker.sock.close()
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_the_function_handle_loads_the_model_and_may_fail(monkeypatch, tmp_path):
    (tmp_path / "failing_service.py").write_text(
        "def handle(data, context):\n"
        "    raise LookupError(data, context.model_name, context.system_properties['model_dir'])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    loader = ModelLoaderFactory.get_model_loader(str(tmp_path))
    with pytest.raises(LookupError) as failure:
        loader.load("name", str(tmp_path), "failing_service", None, 1)
    assert failure.value.args == (None, "name", str(tmp_path))


def test_the_properties_of_a_context_name_model_folder_and_gpu():
    properties = Context("name", "/model", None, 1, 2, "1").system_properties
    assert (properties["model_dir"], properties["gpu_id"]) == ("/model", 2)


def request(*parameters):
    return {
        "requestId": b"the id",
        "headers": [{"name": b"Accept", "value": b"image/png"}],
        "parameters": [
            {"name": name, "value": value, "contentType": "text/plain"}
            for name, value in parameters
        ],
    }


def test_a_request_comes_as_body_and_headers():
    processors, data, ids = Service.retrieve_data_for_inference([request(("body", b"hello"))])
    assert (data, ids) == ([{"body": b"hello"}], {0: "the id"})
    assert processors[0].get_request_properties()["Accept"] == "image/png"


def test_a_request_without_a_body_has_none():
    _, data, _ = Service.retrieve_data_for_inference([request()])
    assert data == [{}]


def test_the_fields_of_a_form_are_dictionaries_among_the_headers():
    processors, data, _ = Service.retrieve_data_for_inference([request(("image", b"hello"))])
    assert data == [{"image": b"hello"}]
    assert processors[0].get_request_properties()["image"] == {"content-type": "text/plain"}


def test_an_answer_has_the_status_phrase_and_headers_of_the_context():
    context = Context("name", "/model", None, 1, None, "1")
    context.request_processor, context.request_ids = [RequestProcessor({})], {0: "the id"}
    assert context.get_request_id() == "the id"
    upstream.set_status(context, 413)
    context.set_response_content_type(0, "image/png")
    context.set_response_header(0, contract.LOGGED_HEADER, "true")
    assert context.get_response_status(0)[0] == 413
    assert context.get_response_status(0)[1]
    assert context.get_response_content_type(0) == "image/png"
    assert context.get_response_headers(0)[contract.LOGGED_HEADER] == "true"


def test_metrics_of_requests_are_not_written(caplog):
    metrics = MetricsStore({0: "an id"}, "a model")
    metrics.add_time("PredictionTime", 1.0)
    logger = logging.getLogger("mms.service")
    logger.filters.clear()
    caplog.set_level(logging.INFO, logger.name)
    emit_metrics(metrics.store)
    assert "[METRICS]PredictionTime" in caplog.text
    caplog.clear()
    upstream.omit_metrics()
    try:
        emit_metrics(metrics.store)
        logger.info("what else is said")
    finally:
        logger.filters.clear()
    assert caplog.messages == ["what else is said"]
