import logging
import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from segmentation.errors import SettingsError
from serving.facts import Facts
from serving.launch import THREADS, argument_file, log4j_level, plan
from serving.settings import MODEL_DIR, Settings

FACTS = Facts(
    cpus=8,
    memory=5 << 30,
    gpu=False,
    inference=Path("/app/inference"),
    run=Path("/tmp/unet-run"),
    scripts=Path("/venv/bin"),
    packages=Path("/tmp/unet-run/packages/site-packages"),
    frontend=Path("/venv/mms/frontend/model-server.jar"),
)


def launch(**environment):
    return plan(Settings.from_environment(environment), environment, FACTS)


@pytest.mark.parametrize(
    ("environment", "alone", "beside"),
    [
        ({}, "8", "4"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}, "8", "8"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "3"}, "8", "2"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "10"}, "8", "1"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": " 1 "}, "8", "8"),
        ({"OMP_NUM_THREADS": "5"}, "5", "5"),
        ({"OMP_NUM_THREADS": "٣"}, "8", "٣"),
        ({"OMP_NUM_THREADS": ""}, "8", "4"),
        ({"UNET_THREADS": "3"}, "3", "3"),
        ({"OMP_NUM_THREADS": "5", "UNET_THREADS": "4"}, "4", "4"),
    ],
)
def test_threads_follow_cpus_and_workers(environment, alone, beside):
    """OpenVINO's, of a worker that computes alone; and other libraries', which know no other."""
    variables = launch(**environment).environment
    assert variables["UNET_THREADS"] == alone
    assert {variables[name] for name in THREADS} == {beside}


@pytest.mark.parametrize(
    ("environment", "facts", "workers"),
    [
        ({}, {}, "2"),
        ({}, {"cpus": 1}, "1"),
        ({}, {"memory": 1 << 30}, "1"),
        ({}, {"gpu": True}, "1"),
        ({"UNET_ENGINE": "tensorflow"}, {}, "1"),
        ({"SAGEMAKER_MULTI_MODEL": "true"}, {}, "1"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, {"cpus": 1}, "4"),
    ],
)
def test_two_workers_where_both_can_compute(environment, facts, workers):
    settings = Settings.from_environment(environment)
    variables = plan(settings, environment, replace(FACTS, **facts)).environment
    assert variables["SAGEMAKER_MODEL_SERVER_WORKERS"] == workers


def test_threads_that_only_another_library_understands():
    variables = launch(OMP_NUM_THREADS="4,2").environment
    assert (variables["OMP_NUM_THREADS"], variables["UNET_THREADS"]) == ("4,2", "8")


def test_graphs_are_kept_with_what_else_the_server_writes():
    assert launch().environment["UNET_CACHE_DIR"] == "/tmp/unet-run/graphs"
    assert launch(UNET_CACHE_DIR="/mnt/graphs").environment["UNET_CACHE_DIR"] == "/mnt/graphs"


def test_answers_may_be_as_large_as_requests():
    variables = launch(SAGEMAKER_MAX_PAYLOAD_IN_MB="300").environment
    assert int(variables["MMS_MAX_RESPONSE_SIZE"]) > 300 << 20


def test_empty_variables_count_as_not_set():
    variables = launch(
        SAGEMAKER_MODEL_SERVER_WORKERS="", SAGEMAKER_MAX_PAYLOAD_IN_MB="", ANY_OTHER=""
    ).environment
    assert variables["SAGEMAKER_MODEL_SERVER_WORKERS"] == "2"
    assert variables["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "100"
    assert "ANY_OTHER" not in variables


def test_a_request_may_take_ten_minutes():
    assert launch().environment["SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"] == "600"


def test_blanks_around_settings_reach_nobody():
    given = {"SAGEMAKER_MODEL_SERVER_WORKERS": " 1 ", "MMS_JOB_QUEUE_SIZE": " ", "OTHER": " a "}
    variables = launch(**given).environment
    assert variables["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1"
    assert "MMS_JOB_QUEUE_SIZE" not in variables
    assert variables["OTHER"] == " a "


def test_the_timeout_in_minutes_is_honoured():
    variables = launch(SAGEMAKER_MODEL_SERVER_TIMEOUT="5").environment
    assert variables["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == "5"
    assert "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS" not in variables


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "http://0.0.0.0:8080"),
        ({"SAGEMAKER_BIND_TO_PORT": "9000"}, "http://0.0.0.0:9000"),
        ({"MMS_INFERENCE_ADDRESS": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({"SAGEMAKER_BIND_TO_PORT": "65535"}, "http://0.0.0.0:32766"),
    ],
)
def test_management_has_the_address_of_inference(environment, address):
    variables = launch(**environment).environment
    assert variables["MMS_MANAGEMENT_ADDRESS"] == address
    assert variables["MMS_INFERENCE_ADDRESS"] == address


def test_java_listens_on_ports_that_mms_refuses():
    arguments = launch(SAGEMAKER_BIND_TO_PORT="65535").java_arguments
    assert "-Dunet.port=65535" in arguments


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("MMS_MANAGEMENT_ADDRESS", "set SAGEMAKER_MULTI_MODEL in its place"),
        ("MMS_MAX_RESPONSE_SIZE", "set SAGEMAKER_MAX_PAYLOAD_IN_MB in its place"),
        ("MMS_DEFAULT_SERVICE_HANDLER", "leave it out"),
    ],
)
def test_variables_of_mms_that_would_contradict_are_refused(name, remedy):
    with pytest.raises(SettingsError, match=f"^{name} is 'x'; it must not be set: .*; {remedy}$"):
        launch(**{name: "x"})
    assert launch(**{name: ""}).environment


@pytest.mark.parametrize("text", ["true", "True", "yes", "1"])
def test_all_processes_see_multi_model_mode_alike(text):
    made = launch(SAGEMAKER_MULTI_MODEL=text)
    assert made.multi_model
    assert made.environment["SAGEMAKER_MULTI_MODEL"] == "true"


def test_a_model_may_take_longer_to_load_than_requests_may_take():
    made = launch(SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS="5")
    assert "-Dunet.timeoutSeconds=5" in made.java_arguments
    assert int(made.environment["MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS"]) > 1e8


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "LC_CTYPE"),
        ({"LANG": "C"}, "LC_CTYPE"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, "LC_ALL"),
        ({"LANG": "C.utf8"}, None),
        ({"LC_ALL": "C", "LC_CTYPE": "C.UTF-8"}, "LC_ALL"),
    ],
)
def test_java_reads_names_of_files_in_utf_8(environment, name):
    expected = {**environment, **({name: "C.UTF-8"} if name else {})}
    made = launch(**environment).environment
    assert {key: made[key] for key in expected} == expected


def test_whatever_is_written_lies_in_the_folder_of_the_run():
    variables = launch(TMPDIR="/elsewhere", TEMP="/elsewhere", PIP_PREFIX="/usr").environment
    for name in ("TMPDIR", "TEMP", "PIP_PREFIX", "UNET_LOAD_ERRORS", "UNET_GONE"):
        assert Path(variables[name]).is_relative_to(FACTS.run)


def test_our_modules_and_programs_come_first():
    variables = launch(PATH="/bin", PYTHONPATH="/mine").environment
    assert variables["PATH"] == "/venv/bin:/bin"
    assert variables["PYTHONPATH"] == f"/app/inference:{FACTS.packages}:/mine"


def test_programs_are_found_without_a_path():
    assert launch().environment["PATH"] == f"/venv/bin:{os.defpath}"


def test_the_environment_replaces_defaults_and_overrides_replace_the_environment():
    variables = launch(TF_CPP_MIN_LOG_LEVEL="0", PYTHONUNBUFFERED="0", OTHER="mine").environment
    assert variables["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert variables["PYTHONUNBUFFERED"] == "1"
    assert variables["OTHER"] == "mine"


def test_a_model_directory_is_linked_to_where_the_toolkit_looks():
    made = launch(UNET_MODEL_DIR="/models/mine")
    assert made.model_dir == Path("/models/mine")
    assert made.environment["SAGEMAKER_BASE_DIR"] == "/tmp/unet-run/ml"
    assert made.model_link == Path("/tmp/unet-run/ml/model")
    assert "UNET_MODEL_DIR" not in made.environment


@pytest.mark.parametrize(
    ("environment", "model_dir"),
    [({}, "/opt/ml/model"), ({"SAGEMAKER_BASE_DIR": "/data"}, "/data/model")],
)
def test_without_a_model_directory_it_is_where_sagemaker_puts_it(environment, model_dir):
    made = launch(**environment)
    assert (made.model_dir, made.model_link) == (Path(model_dir), None)


def test_in_multi_model_mode_no_model_is_served_at_first():
    made = launch(SAGEMAKER_MULTI_MODEL="true", UNET_MODEL_DIR="/models/mine")
    assert made.multi_model
    assert (made.model_dir, made.model_link) == (None, None)
    assert made.environment["SAGEMAKER_BASE_DIR"] == "/opt/ml"
    assert MODEL_DIR not in made.environment


def test_the_summary_tells_what_is_started():
    assert launch(SAGEMAKER_MODEL_SERVER_WORKERS="2").summary == (
        "Starting the model server: workers 2, threads of each 8, CPUs 8, free memory 5120 MB."
    )


def test_java_runs_our_main_class_with_our_settings():
    arguments = launch(UNET_DRAIN_SECONDS="3", SAGEMAKER_CONTAINER_LOG_LEVEL="ERROR").java_arguments
    assert {"-Dunet.drainSeconds=3.0", "-Dunet.logLevel=error", "-Dunet.mmsLogLevel=fatal"} <= set(
        arguments
    )
    assert arguments[-3:] == (
        "-cp",
        "/app/inference/mms/build/mms_endpoints.jar:/venv/mms/frontend/model-server.jar",
        "unet.Server",
    )


def test_java_is_told_what_it_answers_from_files_and_whom():
    arguments = launch(UNET_CORS_ORIGIN="http://a, http://b").java_arguments
    assert {
        "-Dunet.page=/app/inference/page",
        "-Dunet.openapi=/app/inference/openapi/single-model.json",
        "-Dunet.corsOrigins=http://a,http://b",
    } <= set(arguments)
    arguments = launch(UNET_PAGE="false", SAGEMAKER_MULTI_MODEL="true").java_arguments
    assert "-Dunet.openapi=/app/inference/openapi/multi-model.json" in arguments
    assert not any(argument.startswith("-Dunet.page") for argument in arguments)


def test_arguments_for_java_are_added_to_those_of_the_environment():
    variables = launch(SAGEMAKER_MODEL_SERVER_VMARGS="-Xmx512m").environment
    assert variables["SAGEMAKER_MODEL_SERVER_VMARGS"] == "-Xmx512m @java.args"


@pytest.mark.parametrize(
    ("level", "name"),
    [(-5, "debug"), (10, "debug"), (20, "info"), (21, "warn"), (40, "error"), (50, "fatal")],
)
def test_log_level(level, name):
    assert log4j_level(level) == name


def test_the_server_itself_is_one_level_quieter():
    assert log4j_level(logging.DEBUG, quieter=True) == "info"
    assert log4j_level(logging.CRITICAL, quieter=True) == "off"


def test_java_arguments_survive_their_file():
    arguments = ["-Da=with blank", '-Db=with "quotes"', r"-Dc=back\slash"]
    assert shlex.split(argument_file(arguments)) == arguments
