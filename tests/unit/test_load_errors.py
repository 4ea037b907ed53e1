import pytest

from serving import contract, load_errors

ERROR = {"code": 500, "type": "ModelError", "message": "größer als erlaubt"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(contract.LOAD_ERRORS, str(tmp_path))
    return tmp_path


def test_what_is_written_is_read(folder):
    load_errors.write("größe", ERROR)
    assert load_errors.read(folder) == "größer als erlaubt"


def test_nothing_was_written(folder):
    assert load_errors.read(folder) is None


def test_a_file_that_is_still_being_written_is_not_read(folder):
    load_errors.write("model", ERROR)
    [complete] = folder.iterdir()
    complete.rename(complete.with_suffix(".7"))
    assert load_errors.read(folder) is None


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.delenv(contract.LOAD_ERRORS, raising=False)
    monkeypatch.chdir(tmp_path)
    load_errors.write("model", ERROR)
    assert not list(tmp_path.iterdir())
