"""How the server starts, drains and ends: real processes, real HTTP, a stand-in for the handler."""

import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from serving import PATIENCE, serve, until
from wheels import write_wheel

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def start(entrypoint):
    """``serve``, with the stand-in for the handler."""

    def start(model_dir, **arguments):
        return serve(model_dir, entrypoint=entrypoint, **arguments)

    return start


@pytest.fixture
def threads():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def invoke(server, body):
    return server.invoke(body, headers=TEXT)


def asleep(server):
    """How many requests have been handled so far that sleep."""
    return len(list(server.tmp.glob("unet-*/asleep-*")))


def forker(server):
    """The process that MMS starts for the model; its forks are the workers."""
    return java(server).children()[0]


def java(server):
    return next(p for p in server.descendants() if p.name() == "java")


def has_ended(process):
    """An orphan that ended stays a zombie where the first process does not reap."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def assert_gone(server, family):
    assert not [p for p in family if p.is_running()]
    assert not list(server.tmp.iterdir())


def last_line(server):
    return server.log().splitlines()[-1]


class Upload:
    """A request whose body comes in two parts; the server is known to have begun with it."""

    def __init__(self, server, body: bytes):
        self.body = body
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.socket.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        self.stream = self.socket.makefile("rb")
        assert self.stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        self.stream.readline()
        self.socket.sendall(body[: len(body) // 2])

    def finish(self):
        self.socket.sendall(self.body[len(self.body) // 2 :])

    def status(self) -> int:
        with self.socket, self.stream:
            return int(self.stream.readline().split()[1])

    def answer(self) -> bytes:
        """All that the server sends until it closes the connection."""
        with self.socket, self.stream:
            return self.stream.read()


# --- ping


def test_ping_is_true_while_the_model_loads(start, model_dir):
    (model_dir / "wait").touch()
    with start(model_dir, ready=False) as server:
        until(lambda: server.ping() == 503)
        answer = requests.get(f"{server.url}/ping", timeout=10)
        assert answer.status_code == 503
        assert answer.json()["code"] == 503
        assert "loaded" in answer.json()["message"]
        (model_dir / "wait").unlink()
        until(lambda: server.ping() == 200)


def test_ping_is_true_when_workers_die_and_come_back(start, model_dir):
    with start(model_dir) as server:
        (model_dir / "wait").touch()
        for worker in forker(server).children():
            worker.kill()
        until(lambda: server.ping() == 503)
        (model_dir / "wait").unlink()
        until(lambda: server.ping() == 200)
        assert invoke(server, b"hello").status_code == 200


# --- SIGTERM


def test_requests_in_flight_and_queued_are_answered(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        requests_under_way = [Upload(server, b"sleep 1") for _ in range(3)]
        for request in requests_under_way:
            request.finish()
        until(lambda: asleep(server) == 1)  # the others wait in the queue, or are about to
        server.terminate()
        until(lambda: server.ping() == 503)
        late = invoke(server, b"late")
        assert late.status_code == 503
        assert "shutting down" in late.json()["message"]
        assert late.headers["Retry-After"]
        for request in requests_under_way:
            assert request.answer().endswith(b"sleep 7")
        assert server.wait() == 0
        assert_gone(server, family)


def test_later_requests_are_answered_or_refused(start, model_dir):
    """A client that never stops asking sees 200, then 503, then no server: no broken answer."""
    with start(model_dir) as server:
        seen = []
        slow = threading.Thread(target=invoke, args=(server, b"sleep 1"))
        slow.start()
        until(lambda: asleep(server) == 1)
        server.terminate()
        while None not in seen:
            seen.append(_status_or_refused(server))
        slow.join()
        assert server.wait() == 0
        assert set(seen) <= {200, 503, None}
        assert 503 in seen


def _status_or_refused(server):
    try:
        connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    except ConnectionRefusedError:
        return None
    with connection:
        connection.sendall(b"GET /execution-parameters HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as stream:
            return int(stream.read().split()[1])


def test_an_upload_under_way_is_answered(start, model_dir):
    with start(model_dir) as server:
        upload = Upload(server, b"hello " + bytes(1_000_000))
        server.terminate()
        until(lambda: server.ping() == 503)
        upload.finish()
        assert b"hello 1000006" in upload.answer()
        assert server.wait() == 0


def test_an_upload_that_never_ends_gets_503(start, model_dir):
    with start(model_dir, UNET_DRAIN_SECONDS="1") as server:
        upload = Upload(server, b"hello")
        server.terminate()
        answer = upload.answer()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"shutting down" in answer
        assert server.wait() == 0


def test_a_large_upload_begun_too_late_gets_its_503(start, model_dir, threads):
    with start(model_dir) as server:
        slow = threads.submit(invoke, server, b"sleep 1")
        until(lambda: asleep(server) == 1)
        server.terminate()
        until(lambda: server.ping() == 503)
        assert invoke(server, bytes(5_000_000)).status_code == 503
        assert slow.result().status_code == 200
        assert server.wait() == 0


def test_idle_connections_do_not_hold_up_the_end(start, model_dir):
    with start(model_dir) as server, requests.Session() as session:
        session.get(f"{server.url}/ping", timeout=10)
        with socket.create_connection(("127.0.0.1", server.port)):  # says nothing
            server.terminate()
            assert server.process.wait(15) == 0  # less than UNET_DRAIN_SECONDS


def test_the_end_comes_even_if_a_request_never_ends(start, model_dir, threads):
    with start(model_dir, UNET_DRAIN_SECONDS="1") as server:
        family = server.descendants()
        endless = threads.submit(invoke, server, b"sleep 1000")
        until(lambda: asleep(server) == 1)
        server.terminate()
        assert endless.result().status_code == 503
        assert server.wait() == 0
        assert_gone(server, family)


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "while the model loads"])
def test_sigterm_during_start(start, model_dir, wait):
    (model_dir / "wait").touch()
    with start(model_dir, ready=False) as server:
        if wait:
            until(lambda: server.ping() == 503)
        else:
            until(lambda: list(server.tmp.glob("unet-*")))
        family = server.descendants()
        server.terminate()
        assert server.wait() == 0
        assert_gone(server, family)


def test_ctrl_c(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        server.terminate(signal.SIGINT)
        assert server.wait() == 0
        assert_gone(server, family)


# --- failures


def test_a_model_that_cannot_be_loaded_ends_the_server(start, model_dir):
    (model_dir / "fail").write_text("two candidates: a.keras, b.keras")
    with start(model_dir, ready=False) as server:
        assert server.wait() == 1
        told = "error: the model cannot be served: two candidates: a.keras, b.keras"
        assert last_line(server) == told
        assert not list(server.tmp.iterdir())


def test_requests_that_wait_for_a_model_that_cannot_be_loaded_get_503(start, model_dir):
    (model_dir / "wait").touch()
    with start(model_dir, ready=False) as server:
        until(lambda: server.ping() == 503)
        request = Upload(server, b"hello")
        request.finish()
        (model_dir / "fail").write_text("broken")
        (model_dir / "wait").unlink()
        assert request.answer().startswith(b"HTTP/1.1 503")
        assert server.wait() == 1
        assert last_line(server) == "error: the model cannot be served: broken"


def test_a_worker_that_is_killed_while_it_loads_ends_the_server(start, model_dir):
    """As it is when there is too little memory."""
    (model_dir / "wait").touch()
    with start(model_dir, ready=False) as server:
        until(lambda: server.ping() == 503)
        until(lambda: forker(server).children())
        forker(server).children()[0].kill()
        assert server.wait() == 1
        assert "A worker ended while it loaded the model" in server.log()


def test_a_model_folder_that_is_not_there(start, tmp_path):
    with start(tmp_path / "none", ready=False) as server:
        assert server.wait() == 1
        assert last_line(server).startswith("error: the model cannot be served: there is no folder")


def test_java_dying_ends_the_server(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        java(server).kill()
        assert server.wait() == 1
        assert last_line(server).startswith("error: the model server ended by itself")
        assert_gone(server, family)


def test_workers_that_cannot_come_back_end_the_server(start, model_dir):
    with start(model_dir) as server:
        forker(server).kill()
        assert server.wait() == 1
        assert "The process that starts workers ended" in server.log()


def test_a_port_that_is_taken(start, model_dir):
    with start(model_dir) as first:
        second = start(
            model_dir,
            ready=False,
            SAGEMAKER_BIND_TO_PORT=str(first.port),
            MMS_INFERENCE_ADDRESS=first.url,
        )
        with second as server:
            assert server.wait() == 1
            assert f"Cannot listen on {first.url}" in server.log()


def test_a_wrong_setting(start, model_dir):
    with start(model_dir, ready=False, UNET_THRESHOLD="2") as server:
        assert server.wait() == 2
        assert last_line(server).startswith("error: UNET_THRESHOLD is '2'")


def test_requirements_that_cannot_be_installed(start, model_dir):
    (model_dir / "code").mkdir()
    (model_dir / "code" / "requirements.txt").write_text("./nowhere\n")
    with start(model_dir, ready=False) as server:
        assert server.wait() == 1
        assert "requirements" in last_line(server) or "required packages" in last_line(server)


# --- the rest of the contract


def test_requirements_are_installed_beside_the_server(start, model_dir, tmp_path):
    wheel = write_wheel(tmp_path, "told")
    (model_dir / "code").mkdir()
    (model_dir / "code" / "requirements.txt").write_text(f"{wheel}\n")
    with start(model_dir, PIP_NO_INDEX="1") as server:
        assert list(server.tmp.glob("unet-*/packages/**/told.py"))


def test_the_management_api_is_not_there(start, model_dir):
    with start(model_dir) as server:
        listening = [c for c in java(server).net_connections("tcp") if c.status == "LISTEN"]
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
        assert invoke(server, b"hello " + bytes(size - 6)).text == f"hello {size}"
        assert len(invoke(server, f"bytes {size}".encode()).content) == size
        answer = invoke(server, bytes(size + 1))
        assert answer.status_code == 413
        assert answer.json()["code"] == 413
        assert invoke(server, b"hello").status_code == 200


def test_more_large_requests_than_the_memory_holds_get_503(start, model_dir):
    large = b"hello " + bytes(20_000_000)
    with start(model_dir, SAGEMAKER_MODEL_SERVER_VMARGS="-Xmx128m") as server:
        first = Upload(server, large)
        refused = invoke(server, large)
        assert refused.status_code == 503
        assert "memory" in refused.json()["message"]
        assert refused.headers["Retry-After"]
        assert invoke(server, b"small").status_code == 200
        first.finish()
        assert first.status() == 200
        assert invoke(server, large).status_code == 200


def test_two_servers_side_by_side(start, model_dir):
    with start(model_dir) as first, start(model_dir) as second:
        assert invoke(first, b"hello").text == invoke(second, b"hello").text == "hello 5"
        assert first.stop() == 0
        assert invoke(second, b"hello").text == "hello 5"


def test_threads_follow_cpus_and_workers(start, model_dir):
    with start(model_dir, UNET_THREADS="3") as server:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            assert invoke(server, f"environment {name}".encode()).text == "3"


def test_http_1_0_clients_are_answered(start, model_dir):
    """MMS keeps every connection open, also those of clients that wait for the end."""
    with start(model_dir) as server:
        assert _status_or_refused(server) == 200


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


def test_nothing_is_left_when_the_supervisor_is_killed(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        server.process.kill()
        server.wait()
        until(lambda: all(map(has_ended, family)))
