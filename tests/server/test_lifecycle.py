"""How the server starts, drains and ends: real processes, real HTTP, a stand-in for the handler."""

import contextlib
import signal
import socket
import threading

import psutil
import pytest
import requests

from lib.server import ENTRYPOINT
from support.serving import serve, until
from support.stand_in import Upload, asleep, invoke_text, status_over_http_1_0

MODEL_DIR = ENTRYPOINT.parents[1] / "models" / "unet-membrane"


def forker(server):
    """The process that MMS starts for the model; its forks are the workers."""
    return server.java().children()[0]


def worker_that_answers(server):
    """The id of its process."""
    return int(invoke_text(server, b"pid").text)


def kill(processes):
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def has_ended(process):
    """An orphan that ended stays a zombie where the first process does not reap."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def assert_gone(server, family):
    assert not [p for p in family if p.is_running()]
    assert not list(server.tmp.iterdir())


def pipes_of(server):
    """The names of the pipes that there are, and how many descriptors Java has."""
    files = [path for path in server.tmp.glob("unet-*/*-std*") if path.is_fifo()]
    return {path.name for path in files}, server.java().num_fds()


def last_line(server):
    return server.log().splitlines()[-1]


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
        kill(forker(server).children())
        until(lambda: server.ping() == 503)
        (model_dir / "wait").unlink()
        until(lambda: server.ping() == 200)
        assert invoke_text(server, b"hello").status_code == 200


def test_a_worker_that_is_killed_while_it_loads_comes_back_where_another_serves(start, model_dir):
    (model_dir / "wait").touch()
    (model_dir / "let-one-through").touch()
    with start(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        first = worker_that_answers(server)
        until(lambda: len(forker(server).children()) == 2)
        kill(worker for worker in forker(server).children() if worker.pid != first)
        assert server.ping() == 200
        (model_dir / "wait").unlink()
        until(lambda: worker_that_answers(server) != first)


def test_the_process_that_starts_workers_comes_back_while_they_serve(start, model_dir):
    with start(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        first, worker = forker(server), worker_that_answers(server)
        first.kill()
        until(lambda: server.java().children() not in ([], [first]))
        assert server.ping() == 200
        assert worker_that_answers(server) == worker
        psutil.Process(worker).kill()
        until(lambda: server.ping() == 503)
        until(lambda: server.ping() == 200)
        assert worker_that_answers(server) != worker


def test_all_processes_of_a_model_come_back(start, model_dir):
    with start(model_dir) as server:
        kill([*forker(server).children(), forker(server)])
        until(lambda: server.ping() == 503)
        until(lambda: server.ping() == 200)
        assert invoke_text(server, b"hello").status_code == 200


def test_workers_come_back_after_one_got_sigterm(sample):
    """MMS's own handler of the signal removes the socket that workers connect to."""
    with serve(MODEL_DIR, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        [worker] = forker(server).children()
        worker.terminate()
        assert server.invoke(sample, headers={"Content-Type": "image/png"}).status_code == 200
        worker.kill()
        until(lambda: server.ping() == 503)
        until(lambda: server.ping() == 200)


def test_workers_that_are_killed_leave_nothing(start, model_dir):
    with start(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        before, descriptors = pipes_of(server)
        for _ in range(5):
            kill(forker(server).children())
            until(lambda: server.ping() == 503)
            until(lambda: server.ping() == 200)

        def nothing_is_left():
            pipes, now = pipes_of(server)
            return len(pipes) == len(before) and not pipes & before and now <= descriptors + 4

        until(nothing_is_left)


# --- SIGTERM


def test_requests_in_flight_and_queued_are_answered(start, model_dir):
    with start(model_dir, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        family = server.descendants()
        requests_under_way = [Upload(server, b"sleep 1") for _ in range(3)]
        for request in requests_under_way:
            request.finish()
        until(lambda: asleep(server) == 1)  # the others wait in the queue, or are about to
        server.terminate()
        until(lambda: server.ping() == 503)
        late = invoke_text(server, b"late")
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
        slow = threading.Thread(target=invoke_text, args=(server, b"sleep 1"))
        slow.start()
        until(lambda: asleep(server) == 1)
        server.terminate()
        while None not in seen:
            seen.append(status_over_http_1_0(server))
        slow.join()
        assert server.wait() == 0
        assert set(seen) <= {200, 503, None}
        assert 503 in seen


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
        slow = threads.submit(invoke_text, server, b"sleep 1")
        until(lambda: asleep(server) == 1)
        server.terminate()
        until(lambda: server.ping() == 503)
        assert invoke_text(server, bytes(5_000_000)).status_code == 503
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
        endless = threads.submit(invoke_text, server, b"sleep 1000")
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
        reason = "error: the model cannot be served: two candidates: a.keras, b.keras"
        assert last_line(server) == reason
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
        assert last_line(server).startswith("error: the model cannot be served: /")
        assert "is not there; name the folder of the model in UNET_MODEL_DIR" in last_line(server)


def test_workers_that_cannot_come_back_end_the_server(start, model_dir):
    with start(model_dir) as server:
        java = server.java()
        while server.process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                kill(java.children())
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
            line = last_line(server)
            assert line.startswith(f"error: cannot listen on {first.url}: Address already in use; ")
            assert "in MMS_INFERENCE_ADDRESS and SAGEMAKER_BIND_TO_PORT" in line
            assert not list(server.tmp.iterdir())


def test_a_port_that_is_taken_while_the_server_starts_is_no_fault_of_the_model(start, model_dir):
    (model_dir / "convert").touch()
    with start(model_dir, ready=False) as server, socket.socket() as other:
        until(lambda: list(server.tmp.glob("unet-*")))
        other.bind(("127.0.0.1", server.port))
        other.listen()
        assert server.wait() == 1
        assert f"Cannot listen on {server.url}" in server.log()
        assert "the model server ended by itself" in last_line(server)


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


# --- what is left


def test_two_servers_side_by_side(start, model_dir):
    with start(model_dir) as first, start(model_dir) as second:
        assert invoke_text(first, b"hello").text == invoke_text(second, b"hello").text == "hello 5"
        assert first.stop() == 0
        assert invoke_text(second, b"hello").text == "hello 5"


def test_nothing_is_left_when_the_supervisor_is_killed(start, model_dir):
    with start(model_dir) as server:
        family = server.descendants()
        server.process.kill()
        server.wait()
        until(lambda: all(map(has_ended, family)))
