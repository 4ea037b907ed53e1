"""Clients that mean harm, or know no better: others are served meanwhile, and nothing ends.

The real server, with a small heap and low limits, and a stand-in for the handler.
"""

import contextlib
import re
import select
import socket
import struct

import pytest
import requests

from support.serving import PATIENCE, serve, until
from support.stand_in import TEXT, invoke_text

MOST_CONNECTIONS = 100
SMALL = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "2",
    "SAGEMAKER_MODEL_SERVER_VMARGS": (
        "-Xmx128m -Dunet.idleSeconds=2 -Dunet.keepAliveSeconds=3 "
        f"-Dunet.connections={MOST_CONNECTIONS}"
    ),
}
MEGABYTE = 1_000_000
HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def one_server(entrypoint, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("model"), entrypoint=entrypoint, **SMALL) as server:
        yield server


@pytest.fixture
def server(one_server):
    """A server whose processes all outlive the test, and which serves at its end."""
    before = {process.pid for process in one_server.descendants()}
    yield one_server
    until(lambda: invoke_text(one_server, b"hello " + bytes(MEGABYTE)).status_code == 200)
    assert {process.pid for process in one_server.descendants()} == before, one_server.log()


@pytest.fixture
def connections():
    """Makes connections, which are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(connect(server))


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def post(body, length=None):
    return HEAD + b"Content-Length: %d\r\n\r\n" % (length or len(body)) + body


def received(connection):
    """All that the server sends until it closes the connection."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            answer += part
    return answer


def answer_to(server, request):
    with connect(server) as connection:
        connection.sendall(request)
        return received(connection)


def send_until_refused(server, head, part, times):
    """What the server answers to a body that would have no end."""
    with connect(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
            for _ in range(times):
                connection.sendall(part)
        return received(connection)


def clients_of(server):
    """The ports of the clients that the server is connected with."""
    return {c.raddr.port for c in server.java().net_connections("tcp") if c.status == "ESTABLISHED"}


# --- memory


def test_heads_alone_block_nobody(server, connections):
    for _ in range(50):
        connections(server).sendall(post(b"", length=100 * MEGABYTE))
    assert invoke_text(server, b"hello " + bytes(10 * MEGABYTE)).status_code == 200


def test_bodies_that_stop_block_nobody(server, connections):
    for _ in range(10):
        connections(server).sendall(post(bytes(3 * MEGABYTE), length=100 * MEGABYTE))
    until(lambda: invoke_text(server, b"hello " + bytes(10 * MEGABYTE)).status_code == 200)


def test_chunks_without_end_end_nothing(server, threads):
    chunk = b"%x\r\n" % MEGABYTE + bytes(MEGABYTE) + b"\r\n"
    attacks = [threads.submit(send_until_refused, server, CHUNKED, chunk, 150) for _ in range(4)]
    assert invoke_text(server, b"hello").status_code == 200
    for attack in attacks:
        assert attack.result()[9:12] in (b"413", b"503")


def test_the_largest_body_leaves_room_for_small_ones(server, connections):
    refusal = answer_to(server, post(b"", length=2_000_000_000)).decode()
    largest = int(re.search("larger than the ([0-9,]+) bytes", refusal)[1].replace(",", ""))
    connections(server).sendall(post(bytes(largest - 1), length=largest))
    for _ in range(20):
        assert invoke_text(server, b"hello").status_code == 200


def test_chunks_of_one_byte_end_nothing(server):
    body = b"1\r\nx\r\n" * MEGABYTE + b"0\r\n\r\n"
    answer = answer_to(server, CHUNKED.replace(b"Host", b"Connection: close\r\nHost") + body)
    assert answer.endswith(b"x" * 100 + b" %d" % MEGABYTE)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain"])
def test_a_form_is_bytes(server, kind):
    part = b'--x\r\nContent-Disposition:form-data;name="a"\r\n\r\nb\r\n'
    form = part * (20 * MEGABYTE // len(part)) + b"--x--"
    answer = server.invoke(form, headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert answer.text.endswith(f" {len(form)}")


def test_a_form_of_fields_is_bytes(server):
    form = b"a=b&" * MEGABYTE
    answer = server.invoke(form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.text.endswith(f" {len(form)}")


def test_answers_that_nobody_reads_block_nobody(server, connections):
    for _ in range(40):
        connection = connections(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(post(b"bytes 8000000"))
    until(lambda: len(invoke_text(server, b"bytes 8000000").content) == 8_000_000)


def test_an_answer_that_nobody_takes_is_given_up(server, connections):
    connection = connections(server)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(post(b"bytes 20000000"))
    _, port = connection.getsockname()
    until(lambda: port in clients_of(server))
    until(lambda: port not in clients_of(server))


def test_clients_that_leave_block_nobody(server):
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(post(b"hello " + bytes(8 * MEGABYTE)))
            reset = struct.pack("ii", 1, 0)  # closing then resets the connection
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    until(lambda: invoke_text(server, b"hello " + bytes(10 * MEGABYTE)).status_code == 200)


def test_what_nobody_waits_for_is_not_computed(server, connections):
    """Of five requests two are with the workers, and end when they are told; three wait.

    Where a worker has ended one before the last client has left, it is handed another.
    """
    gone = server.log().count('"status":499')
    clients = [connections(server) for _ in range(5)]
    for client in clients:
        client.sendall(post(b"linger"))
    until(lambda: len(list(server.tmp.glob("unet-*/lingers-*"))) == 2)
    for client in clients:
        client.close()
    assert invoke_text(server, b"hello").status_code == 200
    until(lambda: gone < server.log().count('"status":499') <= gone + 3)
    until(lambda: not list(server.tmp.glob("unet-*/gone/*")))


# --- order, and time


def test_pipelined_requests_are_answered_in_their_order(server):
    last = post(b"last").replace(b"Host", b"Connection: close\r\nHost")
    answer = answer_to(server, post(b"sleep 0.5") + post(b"second") * 20 + last)
    texts = [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert texts == [b"sleep 9", *[b"second 6"] * 20, b"last 4"]


def test_a_flood_of_pings_blocks_nobody(server, connections):
    flood = connections(server)
    pings = b"GET /ping HTTP/1.1\r\n\r\n" * 3000
    flood.sendall(pings + b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert invoke_text(server, b"hello").status_code == 200
    assert received(flood).count(b"HTTP/1.1 200 OK") == 3001


@pytest.mark.parametrize("begun", [b"GET /pi", HEAD, post(b"hel", length=5), CHUNKED + b"5\r\nhe"])
def test_what_does_not_come_is_408(server, begun):
    answer = answer_to(server, begun)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"send the request again, without pauses" in answer


def test_connections_that_are_idle_are_closed(server, connections):
    fresh, used = connections(server), connections(server)
    used.sendall(b"GET /ping HTTP/1.1\r\n\r\n")
    assert received(used).startswith(b"HTTP/1.1 200 OK")
    assert received(fresh) == b""


def test_many_connections_block_nobody(server, connections):
    opened = []
    for _ in range(3 * MOST_CONNECTIONS):
        opened.append(connections(server))
        opened[-1].sendall(b"GET /ping")
    # once the server has seen all of them: of those that come at one time it may end any
    until(lambda: len(select.select(opened, [], [], 0)[0]) >= 2 * MOST_CONNECTIONS)
    assert server.ping() == 200
    assert invoke_text(server, b"hello").status_code == 200


def test_a_client_that_sends_no_more_is_answered(server, connections):
    connection = connections(server)
    connection.sendall(post(b"sleep 0.5"))
    connection.shutdown(socket.SHUT_WR)
    assert received(connection).endswith(b"sleep 9")


# --- HTTP


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
        HEAD + b"Content-Length : 5\r\n\r\nhello",
        HEAD + b" folded: yes\r\n\r\n",
        CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\nhello\n0\n\n",
        CHUNKED + b"ffffffffffffffff\r\nhello",
        CHUNKED + b"-5\r\nhello",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Origin: http://a\r\nOrigin: http://b\r\n\r\n",
        HEAD + b"X: a\0b\r\n\r\n",
        HEAD + b"X: a\rb\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\n\r\n",
        CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
        b"GET /ping HTTP/1.1\nHost: a\n\n",
        b"GET /%zz HTTP/1.1\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\n\r\n",
        b"GET ping HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/3.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
)
def test_what_is_malformed_is_400(server, request_):
    answer = answer_to(server, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": 400' in answer
    assert answer.count(b"\r\nx-request-id: ") == 1  # what follows is no request


def test_a_head_that_is_too_large_is_431(server):
    answer = requests.get(f"{server.url}/ping", headers={"X-A": "a" * 9000}, timeout=PATIENCE)
    assert answer.status_code == 431
    assert "more than the 8,192 bytes" in answer.json()["message"]


def test_a_trailer_that_is_too_large_is_431(server):
    answer = answer_to(server, CHUNKED + b"0\r\n" + b"a: b\r\n" * 5000 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_other_protocols_are_not_offered(server, protocol):
    """Who wants to change to one goes on with HTTP/1.1."""
    head = b"GET /ping HTTP/1.1\r\nConnection: upgrade, close\r\nUpgrade: %s\r\n\r\n"
    assert answer_to(server, head % protocol).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/ping", "/execution-parameters"])
def test_head_is_answered_as_get_is(server, path):
    got = requests.get(server.url + path, timeout=PATIENCE)
    head = requests.head(server.url + path, timeout=PATIENCE)
    assert head.status_code == 200
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.content == b""


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/invocations", "POST"),
        ("OPTIONS", "/invocations", "POST"),
        ("DELETE", "/ping", "GET, HEAD"),
        ("TRACE", "/execution-parameters", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/openapi.json", "GET, HEAD"),
    ],
)
def test_other_methods_are_405(server, method, path, allowed):
    answer = requests.request(method, server.url + path, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["code"] == 405
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "path", ["//", "/index.html", "/predictions/model", "/model/predict", "/models"]
)
def test_there_is_nothing_else(server, path):
    answer = requests.post(server.url + path, b"hello", headers=TEXT, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (404, 404)
    assert answer.headers["x-request-id"]


def test_a_whole_url_is_a_target(server):
    request = post(b"hello").replace(b"/invocations", b"http://host:1/invocations")
    answer = answer_to(server, request.replace(b"Host", b"Connection: close\r\nHost"))
    assert answer.endswith(b"hello 5")
