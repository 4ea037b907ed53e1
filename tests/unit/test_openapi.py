"""The description of the API that the server answers is that of its code."""

import json
import re
from http import HTTPStatus

import pytest

from lib import openapi
from lib.server import ENTRYPOINT
from segmentation.wire import options

INFERENCE = ENTRYPOINT.parent
NAMED = re.compile(r"HttpResponseStatus\.([A-Z_]+)")
# the names of Netty that are not those of Python
NETTY = {"REQUEST_ENTITY_TOO_LARGE": 413}


@pytest.mark.parametrize("name", openapi.FILES)
def test_the_file_is_what_the_tables_say(name):
    described = json.loads((INFERENCE / "openapi" / name).read_text())
    assert described == openapi.description(openapi.FILES[name]), "run scripts/openapi.py"


def test_every_option_is_described():
    assert list(openapi.OPTIONS) == list(options.PARSERS)


def test_every_refusal_of_java_is_described():
    source = (INFERENCE / "mms" / "src" / "unet" / "Refusal.java").read_text()
    codes = {NETTY.get(name) or HTTPStatus[name].value for name in NAMED.findall(source)}
    assert codes == set(openapi.REFUSALS_OF_CHANGES)


def test_the_documents_list_every_route():
    page = (INFERENCE.parent / "docs" / "api.md").read_text()
    for multi_model in openapi.FILES.values():
        for path, operations in openapi.description(multi_model)["paths"].items():
            for method in {"get", "post", "delete"} & operations.keys():
                assert f"`{method.upper()} {path}`" in page
