"""invoke.py without a server: what is sent, how often, and the table of what came back."""

import numpy as np
import pytest
from PIL import Image

from aws import invoke
from aws.lib import jobs, tables
from aws.lib.jobs import TRIES, Job, Result, do
from aws.lib.services import Busy, Refused
from aws.lib.summary import summary
from segmentation.answers import ANSWERS
from support import bodies
from support.commands import run

PNG = bodies.png(np.array([[0, 255]], np.uint8))
POLYGONS = b'{"type": "FeatureCollection", "features": [{}, {}]}'
CSV = b"label,class,area\n1,cell,12\n2,cell,7\n"
ANSWERED = {
    "geojson": (POLYGONS, "application/geo+json"),
    "table": (CSV, "text/csv; charset=utf-8"),
}


class Service:
    """Is busy a few times, and then answers."""

    def __init__(self, busy: int):
        self.requests = []
        self._busy = busy

    def __call__(self, body, content_type, attributes):
        self.requests.append((body, content_type, attributes))
        if len(self.requests) <= self._busy:
            raise Busy("503: later")
        output = attributes.split(",")[0].removeprefix("output=")
        return ANSWERED.get(output, (PNG, "image/png; charset=binary"))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)


@pytest.fixture
def image(tmp_path):
    file = tmp_path / "cell.JPEG"
    file.write_bytes(b"an image")
    return file


@pytest.mark.parametrize(
    ("output", "attributes", "sent", "name"),
    [
        ("mask", "", "output=mask", "cell.png"),
        ("overlay", "threshold=0.4", "output=overlay, threshold=0.4", "cell-overlay.png"),
        ("labels", "minimum=20", "output=labels, minimum=20", "cell.labels.png"),
        ("geojson", "", "output=geojson", "cell.geojson"),
    ],
)
def test_an_answer_is_a_file(image, tmp_path, output, attributes, sent, name):
    service = Service(busy=0)
    result = do(service, Job(image, output, attributes), tmp_path)
    assert service.requests == [(b"an image", "image/jpeg", sent)]
    assert result.file == tmp_path / name
    assert result.file.read_bytes() == ANSWERED.get(output, (PNG,))[0]


def test_all_tables_are_one(tmp_path):
    answers = {
        b"a": CSV,
        b"b": b"label,class,area\n",
        b"c": b'image,label,class,area,area_um2\n0,1,"a ""cell"", round",3,0.5\n',
    }
    images = []
    for name in answers:
        images.append(tmp_path / f"{name.decode()}.png")
        images[-1].write_bytes(name)

    def service(body, content_type, attributes):
        if body == b"b" and attributes.endswith("1"):
            raise Refused("400: no")
        return answers[body], "text/csv"

    sent = [Job(image, "table", "") for image in images] + [Job(images[1], "table", "threshold=1")]
    results = jobs.run(service, sent, tmp_path, 1)
    assert [len(result.rows) for result in results] == [2, 0, 1, 0]
    assert (tmp_path / "table.csv").read_text().splitlines() == [
        "file,label,class,area,image,area_um2",
        "a.png,1,cell,12,,",
        "a.png,2,cell,7,,",
        'c.png,1,"a ""cell"", round",3,0,0.5',
    ]


def test_a_table_of_nothing(image, tmp_path):
    result = Result(Job(image, "table", ""), 1.0, tmp_path / "table.csv")
    tables.write(result.file, [(image.name, result.rows)])
    assert result.file.read_text() == "file\n"


def test_a_busy_service_is_called_again(image, tmp_path):
    service = Service(busy=2)
    assert do(service, Job(image, "mask", ""), tmp_path).file
    assert len(service.requests) == 3


def test_a_service_that_stays_busy(image, tmp_path):
    service = Service(busy=TRIES)
    result = do(service, Job(image, "mask", ""), tmp_path)
    assert result.failure == f"503: later (tried {TRIES} times)"
    assert len(service.requests) == TRIES


def test_a_refusal_is_final(image, tmp_path):
    def refuse(body, content_type, attributes):
        raise Refused("400: no")

    result = do(refuse, Job(image, "mask", ""), tmp_path)
    assert (result.file, result.failure) == (None, "400: no")


def test_suffixes():
    assert jobs.CONTENT_TYPES[".tiff"] == jobs.CONTENT_TYPES[".tif"] == "image/tiff"
    assert jobs.SUFFIXES["image/tiff"] == ".tif"
    assert jobs.SUFFIXES["image/jpeg"] == ".jpg"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "either --url or --endpoint"),
        (["--url", "http://x", "--endpoint", "y"], "either --url or --endpoint"),
        (["--url", "http://x", "--async", "s3://bucket/x"], "--async is for an --endpoint"),
        (["--url", "http://x", "--attributes", "output=overlay"], "use --output NAME"),
        (["--url", "http://x", "--attributes", "augment=8, output = x"], "use --output NAME"),
        (["--url", "http://x", "--output", "everything"], "'mask', 'probability', 'overlay'"),
    ],
)
def test_misuse(image, options, message):
    assert message in run(invoke, image, *options, code=2).output


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_can_be_wanted(image, tmp_path, monkeypatch, name):
    service = Service(busy=0)
    monkeypatch.setattr(invoke, "connect", lambda region, **where: service)
    run(invoke, image, "-o", tmp_path / "out", "--output", name, "--concurrency", "1")
    sent = [attributes for _, _, attributes in service.requests]
    assert sent == [f"output={output}" for output in dict.fromkeys(["mask", name])]


def test_no_answer_is_fetched_twice():
    outputs = ("probability", "overlay", "overlay")
    assert invoke.names_of(True, False, outputs) == ["mask", "overlay", "probability"]
    assert invoke.names_of(False, True, ()) == ["mask", "probability"]


def test_nothing_to_send(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert "nothing that can be sent" in run(invoke, tmp_path, "--url", "http://x", code=2).output


def test_two_images_of_one_name(tmp_path):
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).touch()
    assert "one mask" in run(invoke, tmp_path, "--url", "http://x", code=2).output


def test_the_summary(tmp_path):
    file = tmp_path / "stack.tif"
    file.write_bytes(bodies.tiff(np.array([[[0, 255]], [[255, 255]]], np.uint8)))
    done = Result(Job(tmp_path / "a.tif", "mask", ""), 1.5, file)
    failed = Result(Job(tmp_path / "long-name.png", "overlay", ""), 0.25, failure="400: no")
    titles, first, second = summary([done, failed])
    assert titles.split() == ["image", "output", "foreground", "pages", "objects", "time", "file"]
    assert first.split() == ["a.tif", "mask", "75.0%", "2", "1.50", "s", str(file)]
    assert second.split() == ["long-name.png", "overlay", "0.25", "s", "failed:", "400:", "no"]


def test_the_summary_counts_objects(image, tmp_path):
    labels = tmp_path / "cell.labels.tif"
    labels.write_bytes(bodies.tiff(np.array([[[1, 300]], [[0, 2]]], np.uint16)))
    drawn = do(Service(busy=0), Job(image, "geojson", ""), tmp_path)
    measured = do(Service(busy=0), Job(image, "table", ""), tmp_path)
    lines = summary([Result(Job(image, "labels", ""), 1.0, labels), drawn, measured])[1:]
    assert [line.split()[1:-3] for line in lines] == [
        ["labels", "2", "302"],
        ["geojson", "2"],
        ["table", "2"],
    ]


def test_the_summary_of_many_classes(tmp_path):
    """The lower byte of class 256 is 0, which makes it no background."""
    file = tmp_path / "classes.png"
    Image.fromarray(np.array([[0, 256, 1, 512]], np.uint16)).save(file)
    assert "75.0%" in summary([Result(Job(file, "mask", ""), 1.0, file)])[1]


def test_the_summary_of_a_large_answer(tmp_path):
    file = tmp_path / "large.png"
    Image.fromarray(np.zeros((20_000, 10_000), np.uint8)).save(file, compress_level=1)
    assert "0.0%" in summary([Result(Job(file, "mask", ""), 1.0, file)])[1]
