"""The page and the description of the API, and whose scripts may call the server: real HTTP, with a
stand-in for the handler."""

import pytest
import requests

from lib.server import ENTRYPOINT
from support.serving import PATIENCE, serve
from support.stand_in import TEXT

LAB = "https://lab.example"
PAGE = ENTRYPOINT.parent / "page" / "index.html"
OPENAPI = ENTRYPOINT.parent / "openapi"


@pytest.fixture(scope="module")
def server(entrypoint, tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("model")
    with serve(model_dir, entrypoint=entrypoint, UNET_CORS_ORIGIN=f"{LAB}, http://b") as server:
        yield server


@pytest.fixture(scope="module")
def many_models(entrypoint):
    variables = {"SAGEMAKER_MULTI_MODEL": "true", "UNET_PAGE": "false"}
    with serve(None, entrypoint=entrypoint, **variables) as server:
        yield server


def test_the_page_is_served(server):
    answer = requests.get(f"{server.url}/", timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.content == PAGE.read_bytes()
    assert "script-src 'sha256-" in answer.headers["Content-Security-Policy"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert requests.get(f"{server.url}/", headers=tag, timeout=PATIENCE).status_code == 304
    head = requests.head(f"{server.url}/", timeout=PATIENCE)
    assert head.headers["Content-Length"] == str(len(answer.content))


def test_the_page_can_be_turned_off(many_models):
    assert requests.get(f"{many_models.url}/", timeout=PATIENCE).status_code == 404
    assert many_models.ping() == 200


@pytest.mark.parametrize(("fixture", "file"), [("server", "single"), ("many_models", "multi")])
def test_the_api_is_described(request, fixture, file):
    url = request.getfixturevalue(fixture).url
    answer = requests.get(f"{url}/openapi.json", timeout=PATIENCE)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == (OPENAPI / f"{file}-model.json").read_bytes()


def test_scripts_of_other_sites_are_refused(server, many_models):
    for url in (f"{server.url}/invocations", f"{many_models.url}/models"):
        foreign = {**TEXT, "Origin": "https://elsewhere.example"}
        answer = requests.post(url, b"hello", headers=foreign, timeout=PATIENCE)
        assert answer.status_code == 403
        assert "UNET_CORS_ORIGIN" in answer.json()["message"]
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_scripts_of_a_site_that_is_named_are_served(server):
    asking = {"Origin": LAB, "Access-Control-Request-Method": "POST"}
    url = f"{server.url}/invocations"
    assert requests.options(url, headers=asking, timeout=PATIENCE).status_code == 204
    answer = requests.post(url, b"hello", headers={**TEXT, "Origin": LAB}, timeout=PATIENCE)
    assert answer.text == "hello 5"
    assert answer.headers["Access-Control-Allow-Origin"] == LAB


def test_the_page_may_call_its_own_server(many_models):
    own = {"Origin": many_models.url}
    assert requests.get(f"{many_models.url}/models", headers=own, timeout=PATIENCE).ok
