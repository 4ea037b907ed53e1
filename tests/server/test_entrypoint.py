import os
import subprocess
import sys

import pytest

from lib.server import ENTRYPOINT


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


def test_serve_among_other_arguments_is_no_command_of_ours():
    done = run("serve", "--now")
    assert done.returncode == 127
    assert done.stderr == "error: cannot run serve: No such file or directory\n"


def test_a_command_that_is_not_there():
    done = run("no-such-command")
    assert done.returncode == 127
    assert done.stderr == "error: cannot run no-such-command: No such file or directory\n"


def test_no_command():
    done = run()
    assert done.returncode == 127
    assert done.stderr == "error: nothing to do; give `serve`, or a command to run\n"


def test_no_java(tmp_path):
    done = run("serve", JAVA_HOME=str(tmp_path), UNET_MODEL_DIR=str(tmp_path))
    assert done.returncode == 1
    begin = f"error: Java 11 or later is needed; JAVA_HOME is {tmp_path}; install openjdk-17-jre"
    assert done.stderr.startswith(begin)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "value"), [("UNET_TRESHOLD", "1"), ("UNET_THRESHOLD", "2")])
def test_a_setting_that_is_wrong(name, value):
    done = run("serve", **{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name} is ")


def test_the_extension_of_mms_is_not_built(tmp_path):
    entrypoint = tmp_path / "inference" / "entrypoint.py"
    entrypoint.parent.mkdir()
    entrypoint.symlink_to(ENTRYPOINT)
    done = subprocess.run(
        [sys.executable, entrypoint, "serve"], capture_output=True, text=True, check=False
    )
    mms = entrypoint.parent / "mms"
    assert done.returncode == 1
    assert done.stderr == f"error: {mms}/build is empty; run {mms}/build.sh\n"
