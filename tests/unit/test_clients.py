from serving.clients import has_gone
from serving.contract import GONE


def test_a_file_tells_that_a_client_has_gone(tmp_path, monkeypatch):
    monkeypatch.setenv(GONE, str(tmp_path))
    assert not has_gone("request-1")
    (tmp_path / "request-1").touch()
    assert has_gone("request-1")
    assert not has_gone("request-2")


def test_without_a_server_nobody_has_gone(monkeypatch):
    monkeypatch.delenv(GONE, raising=False)
    assert not has_gone("request-1")
