import re
import socket

import pytest

from segmentation.errors import SettingsError
from serving.addresses import check_free, listening
from serving.errors import ServerFailed


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        (None, None, ("http://0.0.0.0:8080", 8080)),
        (None, 65535, ("http://0.0.0.0:32766", 65535)),
        ("http://127.0.0.1:40000", None, ("http://127.0.0.1:32766", 40000)),
        ("http://127.0.0.1:40000", 40000, ("http://127.0.0.1:32766", 40000)),
        ("https://localhost", None, ("https://localhost:443", 443)),
        ("unix:/tmp/socket", 8080, ("unix:/tmp/socket", None)),
    ],
)
def test_where_it_listens(address, port, expected):
    assert listening(address, port) == expected


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8080", "http://a:0", "http://a:65536", "http://a:80/", "ftp://a:1", "x"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(SettingsError, match=r"^MMS_INFERENCE_ADDRESS is .* from 1 to 65535$"):
        listening(address, None)


def test_two_ports_are_refused():
    with pytest.raises(SettingsError, match="SAGEMAKER_BIND_TO_PORT is '81'; they must name one"):
        listening("http://a:80", 81)


def test_what_is_free_is_free_again(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", f"unix:{tmp_path}/socket"):
        check_free(address, None)
        check_free(address, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [True, False])
def test_a_port_that_is_taken_is_told_with_what_names_it(named):
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        url = f"http://0.0.0.0:{port}"
        told = f"cannot listen on {url}: Address already in use; end what listens there, or name "
        variable = "MMS_INFERENCE_ADDRESS" if named else "SAGEMAKER_BIND_TO_PORT"
        with pytest.raises(ServerFailed, match=f"^{re.escape(told)}another address in {variable}$"):
            check_free(url if named else None, None if named else port)


def test_a_name_of_several_addresses_is_one_of_ipv4(monkeypatch):
    """Java takes that one; the other may not be there in a container."""
    stream = socket.SOCK_STREAM
    found = [
        (socket.AF_INET6, stream, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET, stream, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    check_free("http://localhost:8080", None)


@pytest.mark.parametrize(
    "address",
    ["http://192.0.2.1:8080", "http://no.such.host.invalid:8080", "http://..:80", "unix:/proc/a"],
)
def test_where_nobody_can_listen_is_told(address):
    with pytest.raises(ServerFailed, match=f"^cannot listen on {re.escape(address)}: .+; end"):
        check_free(address, None)
