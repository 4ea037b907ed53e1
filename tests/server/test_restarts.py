"""What the supervisor starts again: Java, or the process that started it, killed at any moment."""

import contextlib
import socket

import psutil
import requests

from support.serving import until
from support.stand_in import Upload, asleep, invoke_text

SAID = "it is started again"


def killed_and_back(server):
    """Kill Java, and wait until the server serves again; nothing of the old processes is left."""
    java = server.java()
    family = [java, *java.children(recursive=True)]
    java.kill()
    until(lambda: not any(process.is_running() for process in family))
    until(lambda: server.ping() == 200)
    assert invoke_text(server, b"hello").text == "hello 5"


def test_java_comes_back_and_is_given_up_when_it_never_stays(start, model_dir):
    with start(model_dir) as server, contextlib.ExitStack() as held:
        for _ in range(20):  # of a dead process, they must not hold the port
            held.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        request = Upload(server, b"sleep 1000")
        request.finish()
        until(lambda: asleep(server))
        killed_and_back(server)
        assert request.answer() == b""  # nothing is made up
        for _ in range(3):
            killed_and_back(server)
        assert server.log().count(SAID) == 4
        server.java().kill()
        assert server.wait() == 1
        assert server.log().splitlines()[-1] == (
            "error: the model server ended by itself: it was ended by SIGKILL; that was 5 times "
            "within 10 minutes: it is given up"
        )
        assert not list(server.tmp.iterdir())


def test_ping_is_true_while_java_is_away_and_the_model_loads(start, model_dir):
    (model_dir / "wait").touch()
    with start(model_dir, ready=False) as server:
        until(lambda: server.ping() == 503)
        java = server.java()
        java.kill()
        until(lambda: not java.is_running())
        assert server.ping() in (None, 503)
        until(lambda: server.ping() == 503)  # it is back, and its model is not
        (model_dir / "wait").unlink()
        until(lambda: server.ping() == 200)


def test_the_process_that_started_java_is_killed(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        psutil.Process(server.process.pid).children()[0].kill()
        until(lambda: not any(process.is_running() for process in family))
        until(lambda: server.ping() == 200)
        assert invoke_text(server, b"hello").text == "hello 5"
        assert server.stop() == 0
        assert not list(server.tmp.iterdir())


def test_sigterm_while_java_is_away(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        server.java().kill()
        server.terminate()
        assert server.wait() == 0
        assert not any(process.is_running() for process in family)
        assert not list(server.tmp.iterdir())


def test_of_many_models_none_is_there_when_java_is_back(start, model_dir):
    with start(None, SAGEMAKER_MULTI_MODEL="true") as server:
        assert server.load("a", model_dir).status_code == 200
        server.java().kill()
        until(lambda: SAID in server.log() and server.ping() == 200)
        assert requests.get(f"{server.url}/models", timeout=10).json()["models"] == []
        text = {"Content-Type": "text/plain"}
        assert server.invoke(b"hello", "/models/a/invoke", headers=text).status_code == 404
        assert server.load("a", model_dir).status_code == 200
        assert server.invoke(b"hello", "/models/a/invoke", headers=text).text == "hello 5"
