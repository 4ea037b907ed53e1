import pytest

from segmentation.wire.media_types import choose, parse, parse_accept


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=UTF-8", "application/json"),
        (" image/png ", "image/png"),
        ("application/x-ndjson;charset=utf-8", "application/x-ndjson"),
        ("nonsense", "nonsense"),
        ("", ""),
    ],
)
def test_content_type(header, name):
    assert parse(header)[0] == name


def test_parameters():
    assert parse('text/csv; Header=absent; charset="utf-8"')[1] == {
        "header": "absent",
        "charset": "utf-8",
    }


OFFERS = ["image/png", "image/tiff", "application/json", "text/csv"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "image/png"),
        ("application/json, image/png", "application/json"),
        ("application/json;q=0.5, image/png;q=0.9", "image/png"),
        ("image/*;q=0.9, image/png;q=0.1, text/csv;q=0.5", "image/tiff"),
        ("image/png;q=0, */*;q=0.1", "image/tiff"),
        ("application/x-image", "image/png"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=often", None),
        ("application/json;q=7", None),
        ("json", None),
        (",,;;", None),
    ],
)
def test_negotiation(accept, chosen):
    assert choose(parse_accept(accept), OFFERS) == chosen
