import pytest

from segmentation.errors import SettingsError
from serving.addresses import listening


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
