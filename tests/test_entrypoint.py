import os
import shlex
import subprocess
import sys

import pytest

import entrypoint
from segmentation.settings import Settings
from serving import ENTRYPOINT


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, ENTRYPOINT, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_other_arguments_are_a_command():
    done = run("bash", "-c", "echo $0 $1; exit 3", "a b", "c")
    assert (done.returncode, done.stdout) == (3, "a b c\n")


def test_a_command_that_is_not_there():
    done = run("no-such-command")
    assert done.returncode == 127
    assert done.stderr == "error: cannot run no-such-command: No such file or directory\n"


def test_no_command():
    done = run()
    assert done.returncode == 127
    assert "serve" in done.stderr


def test_no_java(tmp_path):
    done = run("serve", JAVA_HOME=str(tmp_path), UNET_MODEL_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"error: Java 11 or later is needed; JAVA_HOME is {tmp_path}\n"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The environment of the server, for given variables."""
    monkeypatch.setattr(entrypoint, "available_cpus", lambda: 8)

    def environment(**given):
        (tmp_path / "model").mkdir()
        (tmp_path / "run").mkdir()
        settings = Settings.from_environment(given)
        return entrypoint.server_environment(
            settings, tmp_path / "run", str(tmp_path / "model"), given
        )

    return environment


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, "8"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "3"}, "2"),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "9"}, "1"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "5", "UNET_THREADS": "4"}, "4"),
    ],
)
def test_threads_follow_cpus_and_workers(environment, given, threads):
    found = environment(**given)
    assert {found[name] for name in entrypoint.THREADS} == {threads}


def test_answers_may_be_as_large_as_requests(environment):
    assert int(environment(SAGEMAKER_MAX_PAYLOAD_IN_MB="300")["MMS_MAX_RESPONSE_SIZE"]) > 300 << 20


def test_empty_variables_count_as_not_set(environment):
    given = {"SAGEMAKER_MODEL_SERVER_WORKERS": "", "SAGEMAKER_MAX_PAYLOAD_IN_MB": ""}
    made = environment(**given)
    assert made["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1"
    assert made["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "100"


def test_the_timeout_in_minutes_is_honoured(environment):
    made = environment(SAGEMAKER_MODEL_SERVER_TIMEOUT="5")
    assert "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS" not in made


@pytest.mark.parametrize(
    ("given", "level"),
    [(None, "info"), ("10", "debug"), ("debug", "debug"), ("21", "warn"), ("ERROR", "error"),
     ("50", "fatal"), ("nonsense", "info")],
)  # fmt: skip
def test_log_level(given, level):
    assert entrypoint._log4j_level(given) == level


def test_the_server_itself_is_one_level_quieter():
    assert entrypoint._log4j_level("DEBUG", quieter=True) == "info"
    assert entrypoint._log4j_level("CRITICAL", quieter=True) == "off"


def test_java_arguments_survive_their_file(tmp_path):
    arguments = ["-Da=with blank", '-Db=with "quotes"', r"-Dc=back\slash"]
    entrypoint._write_java_arguments(arguments, tmp_path)
    read = (tmp_path / entrypoint.JAVA_ARGUMENTS).read_text()
    assert shlex.split(read) == arguments
