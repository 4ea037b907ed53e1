#!/usr/bin/env python3
"""Segment images by a server or an endpoint: masks and overlays as files, and a summary."""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from tqdm import tqdm

from aws_cli import Aws, command, explain, s3_location

CONTENT_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".tif": "image/tiff",
    ".tiff": "image/tiff", ".npy": "application/x-npy", ".npz": "application/x-npz",
    ".json": "application/json", ".jsonl": "application/jsonlines", ".csv": "text/csv",
}  # fmt: skip
SUFFIXES = {content_type: suffix for suffix, content_type in reversed(CONTENT_TYPES.items())}
PICTURES = "image/png, image/tiff;q=0.9"  # TIFF where one plane does not hold it
Image.MAX_IMAGE_PIXELS = None  # the answers are as large as what was sent
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
TRIES = 5
TIMEOUT_SECONDS = 600
EXAMPLE = """scripts/invoke.py sections/ --url http://127.0.0.1:8080 --overlay -o masks
scripts/invoke.py cell.tif --endpoint cells --region eu-central-1"""


class Refused(Exception):
    """The server answered an error, or none; the message is for the user."""


class Busy(Exception):
    """The request was not begun, and may be sent again."""


@dataclass(frozen=True)
class Job:
    """One request: an image, and what is wanted of it."""

    image: Path
    output: str  # mask, overlay or probability
    attributes: str


@dataclass(frozen=True)
class Result:
    """What became of a job."""

    job: Job
    seconds: float
    file: Path | None = None
    failure: str = ""


class Service(Protocol):
    """Whatever segments images; raises Refused or Busy."""

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]: ...


@command(EXAMPLE)
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="masks",
    show_default=True,
    help="folder for the answers",
)
@click.option("--overlay", is_flag=True, help="also the image with the outline of its mask")
@click.option("--probability", is_flag=True, help="also the probabilities, as 16-bit PNG or TIFF")
@click.option("--attributes", default="", help="such as threshold=0.4,augment=8")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="requests in flight",
)
@click.option("--url", help="of a server: http://127.0.0.1:8080")
@click.option("--endpoint", help="of SageMaker")
@click.option("--target-model", help="of a multi-model server or endpoint")
@click.option("--async", "async_input", metavar="S3_PREFIX",
              help="of an asynchronous endpoint: where the images are put")  # fmt: skip
def main(images, out, overlay, probability, attributes, concurrency, region, **where):
    """Segment IMAGES, files or folders of files. The exit code is 1 if any failed."""
    service = connect(region, **where)
    files = list(expand(images))
    outputs = ["mask"] + ["overlay"] * overlay + ["probability"] * probability
    jobs = [Job(file, output, attributes) for file in files for output in outputs]
    out.mkdir(parents=True, exist_ok=True)
    results = run(service, jobs, out, concurrency)
    for line in summary(results):
        click.echo(line)
    failed = sum(bool(result.failure) for result in results)
    if failed:
        raise click.ClickException(f"{failed} of {len(results)} requests failed")


def connect(region, url, endpoint, target_model, async_input) -> Service:
    """The service that the options name."""
    if bool(url) == bool(endpoint):
        raise click.UsageError("give either --url or --endpoint")
    if url:
        if async_input:
            raise click.UsageError("--async is for an --endpoint")
        return HttpServer(url, target_model)
    if async_input:
        return AsyncEndpoint(Aws(region), endpoint, async_input)
    return Endpoint(Aws(region), endpoint, target_model)


def expand(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Files as they are, folders as the files in them that can be images."""
    seen: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        chosen = [file for file in found if file.suffix.lower() in CONTENT_TYPES]
        if not chosen:
            known = " ".join(CONTENT_TYPES)
            raise click.UsageError(f"{path} holds nothing that can be sent; known are {known}")
        for file in chosen:
            other = seen.setdefault(file.stem, file)
            if other != file:
                raise click.UsageError(
                    f"{other} and {file} would have one mask; send them one after the other"
                )
            yield file


def run(service: Service, jobs: list[Job], out: Path, concurrency: int) -> list[Result]:
    """Do all jobs, several at a time, with a progress bar; results are in the order of the jobs."""
    with (
        ThreadPoolExecutor(concurrency) as pool,
        tqdm(total=len(jobs), unit="image", disable=None) as bar,
    ):

        def one(job: Job) -> Result:
            result = do(service, job, out)
            if result.failure:
                tqdm.write(f"{job.image} ({job.output}): {result.failure}")
            bar.update()
            return result

        return list(pool.map(one, jobs))


def do(service: Service, job: Job, out: Path) -> Result:
    """One request, sent again while the server is busy, and its answer as a file."""
    begun = time.monotonic()
    attributes = ", ".join(filter(None, [f"output={job.output}", job.attributes]))
    try:
        body = job.image.read_bytes()
        content_type = CONTENT_TYPES[job.image.suffix.lower()]
        answer, answer_type = _patiently(service, body, content_type, attributes)
        suffix = SUFFIXES.get(answer_type.split(";")[0], ".out")
        name = job.image.stem + ("" if job.output == "mask" else f"-{job.output}") + suffix
        (out / name).write_bytes(answer)
    except (Refused, OSError) as exc:
        return Result(job, time.monotonic() - begun, failure=str(exc))
    return Result(job, time.monotonic() - begun, out / name)


def _patiently(service: Service, body: bytes, content_type: str, attributes: str):
    for attempt in itertools.count(1):
        try:
            return service(body, content_type, attributes)
        except Busy as exc:
            if attempt == TRIES:
                raise Refused(f"{exc} (tried {TRIES} times)") from exc
            time.sleep(min(2**attempt / 2, 10))
    raise AssertionError("it returns or raises")


class HttpServer:
    """A server by its URL."""

    def __init__(self, url: str, target_model: str | None):
        path = f"/models/{target_model}/invoke" if target_model else "/invocations"
        self._url = url.rstrip("/") + path

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        headers = {"Content-Type": content_type, "Accept": PICTURES, ATTRIBUTES: attributes}
        try:
            answer = requests.post(self._url, body, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.ConnectTimeout as exc:
            raise Busy(f"{self._url} does not answer") from exc
        except requests.ConnectionError as exc:
            refused = "refused" in str(exc)  # otherwise it may have been begun
            raise (Busy if refused else Refused)(f"{self._url} cannot be reached: {exc}") from exc
        except requests.RequestException as exc:
            raise Refused(f"{self._url}: {exc}") from exc
        if answer.status_code in (429, 503):
            raise Busy(_message(answer))
        if answer.status_code != 200:
            raise Refused(_message(answer))
        return answer.content, answer.headers["Content-Type"]


def _message(answer: requests.Response) -> str:
    try:
        return f"{answer.status_code}: {answer.json()['message']}"
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code}: {answer.text[:200]}"


BUSY_CODES = {"ThrottlingException", "ServiceUnavailable", "ModelNotReadyException"}


class Endpoint:
    """An endpoint of SageMaker."""

    def __init__(self, aws: Aws, name: str, target_model: str | None):
        # what may be sent again is decided here: an image that times out is not sent three times
        config = Config(retries={"total_max_attempts": 1}, read_timeout=70)
        self._runtime = aws.session.client("sagemaker-runtime", config=config)
        self._where = {"EndpointName": name}
        if target_model:
            self._where["TargetModel"] = target_model

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        return self._ask(
            self._runtime.invoke_endpoint,
            Body=body, ContentType=content_type, Accept=PICTURES, CustomAttributes=attributes,
        )  # fmt: skip

    def _ask(self, call: Any, **parameters: Any) -> tuple[bytes, str]:
        try:
            answer = call(**self._where, **parameters)
            return answer["Body"].read(), answer["ContentType"]
        except ClientError as exc:
            busy = exc.response["Error"]["Code"] in BUSY_CODES
            raise (Busy if busy else Refused)(explain(exc)) from exc
        except BotoCoreError as exc:
            raise Refused(explain(exc)) from exc


class AsyncEndpoint:
    """An asynchronous endpoint: the image goes to S3, and the answer comes from there."""

    POLL_SECONDS = 1

    def __init__(self, aws: Aws, name: str, prefix: str):
        self._aws = aws
        self._name = name
        self._bucket, self._prefix = s3_location(prefix)
        self._numbers = itertools.count()
        self._run = f"{time.time_ns():x}"

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        key = f"{self._prefix.rstrip('/')}/{self._run}-{next(self._numbers)}".lstrip("/")
        try:
            self._aws("s3").put_object(Bucket=self._bucket, Key=key, Body=body)
            asked = self._aws("sagemaker-runtime").invoke_endpoint_async(
                EndpointName=self._name,
                InputLocation=f"s3://{self._bucket}/{key}",
                ContentType=content_type,
                Accept=PICTURES,
                CustomAttributes=attributes,
            )
            return self._await(asked)
        except (ClientError, BotoCoreError) as exc:
            raise Refused(explain(exc)) from exc

    def _await(self, asked: dict[str, Any]) -> tuple[bytes, str]:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            failure = self._object(asked.get("FailureLocation"))
            if failure:
                raise Refused(failure["Body"].read().decode(errors="replace")[:500])
            answer = self._object(asked["OutputLocation"])
            if answer:
                return answer["Body"].read(), answer["ContentType"]
            time.sleep(self.POLL_SECONDS)
        raise Refused(f"no answer at {asked['OutputLocation']} in {TIMEOUT_SECONDS} s")

    def _object(self, uri: str | None) -> dict[str, Any] | None:
        if not uri:
            return None
        bucket, key = s3_location(uri)
        try:
            return self._aws("s3").get_object(Bucket=bucket, Key=key)
        except self._aws("s3").exceptions.NoSuchKey:
            return None


def summary(results: list[Result]) -> list[str]:
    """A table of what came back."""
    width = max(len(result.job.image.name) for result in results)
    titles = f"{'output':11}  {'foreground':>10}  {'pages':>5}  {'time':>7}  file"
    lines = [f"{'image':{width}}  {titles}"]
    for result in results:
        share, pages = _measure(result)
        what = result.file if result.file else f"failed: {result.failure[:60]}"
        lines.append(
            f"{result.job.image.name:{width}}  {result.job.output:11}  {share:>10}  {pages:>5}  "
            f"{result.seconds:5.2f} s  {what}"
        )
    return lines


def _measure(result: Result) -> tuple[str, str]:
    """The share of pixels that are not 0, of a mask, and the number of pages."""
    if not result.file or result.file.suffix not in {".png", ".tif"}:
        return "", ""
    with Image.open(result.file) as picture:
        pages = getattr(picture, "n_frames", 1)
        if result.job.output != "mask":
            return "", str(pages)
        counts = []
        for page in range(pages):
            picture.seek(page)
            counts.append(1 - picture.histogram()[0] / (picture.width * picture.height))
    return f"{sum(counts) / pages:.1%}", str(pages)


if __name__ == "__main__":
    main()
