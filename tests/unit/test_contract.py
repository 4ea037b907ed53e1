"""What Python and Java share: the Java tests (inference/mms/test) read the same vector."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from segmentation import artifacts
from segmentation.errors import ModelError
from serving import contract, headers, load_errors, settings
from serving.launch import log4j_level

VECTOR = json.loads(Path(__file__).with_name("contract.json").read_text())
PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
MMS = Path(settings.__file__).parents[1] / "mms"


NAMES = [
    (contract.LOGGED_HEADER, "header", "logged"),
    (contract.QUERY_HEADER, "header", "query"),
    (contract.FORM_HEADER, "header", "form"),
    (contract.MULTI_MODEL, "variable", "multi_model"),
    (contract.LOAD_ERRORS, "variable", "load_errors"),
    (contract.GONE, "variable", "gone"),
    (contract.PROGRESS, "variable", "progress"),
    (headers.INFERENCE_ID, "header", "inference_id"),
    (contract.DRAIN_SECONDS, "property", "drain_seconds"),
    (contract.PORT, "property", "port"),
    (contract.TIMEOUT_SECONDS, "property", "timeout_seconds"),
    (contract.PAGE, "property", "page"),
    (contract.DESCRIPTION, "property", "description"),
    (contract.ORIGINS, "property", "origins"),
    (contract.LOG_LEVEL, "property", "log_level"),
    (contract.MMS_LOG_LEVEL, "property", "mms_log_level"),
    (contract.JAR, "file", "jar"),
    (contract.NATIVE_LIBRARIES, "file", "native_libraries"),
    (contract.LOG_CONFIGURATION, "file", "log_configuration"),
]


@pytest.mark.parametrize(("name", "group", "key"), NAMES)
def test_names_are_the_agreed_ones(name, group, key):
    assert name == VECTOR[group][key]


def test_the_main_class_is_the_agreed_one():
    assert VECTOR["main_classes"][0] == contract.MAIN_CLASS


@pytest.mark.parametrize("model_name", VECTOR["load_error_files"])
def test_load_errors_are_in_the_agreed_files(model_name, tmp_path, monkeypatch):
    monkeypatch.setenv(VECTOR["variable"]["load_errors"], str(tmp_path))
    load_errors.write(model_name, VECTOR["error"])
    [file] = tmp_path.iterdir()
    assert file.name == VECTOR["load_error_files"][model_name]
    assert json.loads(file.read_text(encoding="utf-8")) == VECTOR["error"]


def test_load_errors_are_read(tmp_path):
    name = VECTOR["load_error_files"]["model"]
    (tmp_path / name).write_text(VECTOR["error_as_text"], encoding="utf-8")
    assert load_errors.read(tmp_path) == VECTOR["error"]["message"]


def test_what_a_folder_holds_is_told_in_the_agreed_form(tmp_path):
    """Java cuts it off before it answers who asked for the model."""
    for file in ("a.txt", "b.txt"):
        (tmp_path / file).touch()
    with pytest.raises(ModelError) as caught:
        artifacts.find(tmp_path)
    listing = VECTOR["message_with_listing"].rpartition(";")[2]
    assert str(caught.value).endswith(f";{listing}")


def test_the_text_of_the_error_is_the_error():
    assert json.loads(VECTOR["error_as_text"]) == VECTOR["error"]


@pytest.mark.parametrize("level", [-5, 0, 10, 20, 30, 40, 50, 100])
def test_log_levels_are_those_of_log4j(level):
    assert log4j_level(level) in VECTOR["log_levels"]
    assert log4j_level(level, quieter=True) in VECTOR["log_levels"]


def test_what_the_server_logs_itself_has_the_agreed_logger():
    log = ElementTree.parse(MMS / contract.LOG_CONFIGURATION)
    loggers = {logger.get("name"): logger.get("level") for logger in log.iter("Logger")}
    assert loggers[VECTOR["logger"]["access"]] == f"${{sys:{contract.LOG_LEVEL}:-info}}"
    root = log.find("Loggers/Root")
    assert root is not None
    assert root.get("level") == f"${{sys:{contract.MMS_LOG_LEVEL}:-warn}}"


def names_in_tables(page):
    """The names of the first column of all tables, without examples of JSON."""
    cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    names = {name for cell in cells if "{" not in cell for name in re.findall(r"`(.+?)`", cell)}
    return names - {"true", "TMPDIR"}  # a value, and where a file lies


def test_the_page_says_which_of_its_names_are_not_in_the_vector():
    page = PAGE.read_text(encoding="utf-8")
    agreed = list(VECTOR["main_classes"])
    for group in ("header", "variable", "property", "file"):
        agreed += VECTOR[group].values()
    others = {
        name for name in names_in_tables(page) if not name.rstrip("/").endswith(tuple(agreed))
    }
    sentence = re.search(r"Only one side of ours uses ([^;]+);", page)
    assert sentence
    assert set(re.findall(r"`([^`]+)`", sentence[1])) == others
