"""An asynchronous endpoint: the image goes to S3, and the answer comes from there.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html
"""

import datetime
import itertools
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

from aws.lib.cli import Aws, explain, s3_location
from aws.lib.services import ACCEPT, Refused, Service

MOST_SECONDS = 3600  # that SageMaker lets an answer take
QUEUE_SECONDS = 21_600  # that it lets a request wait for its turn, at most
BACKLOG_SECONDS = 60  # how often its metrics are written


class AsyncEndpoint(Service):
    """An asynchronous endpoint: the image goes to S3, and the answer comes from there.

    An answer is waited for as long as SageMaker has not given the request up, and no longer. What
    was sent is removed when there is an answer.
    """

    POLL_SECONDS = 1.0

    def __init__(self, aws: Aws, name: str, prefix: str, seconds: int = MOST_SECONDS):
        """Args:
        prefix: in S3, below which the images are put.
        seconds: that the answer to one image may take, once it is being computed.
        """
        # made here, not when first wanted: several threads call, and sessions are for one
        self._s3, self._runtime = aws("s3"), aws("sagemaker-runtime")
        self._name, self._seconds = name, seconds
        self._bucket, self._prefix = s3_location(prefix)
        self._numbers = itertools.count()
        self._run = f"{time.time_ns():x}"
        self._stopped = threading.Event()
        self._backlog = Backlog(aws, name)

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        key = f"{self._prefix.rstrip('/')}/{self._run}-{next(self._numbers)}".lstrip("/")
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
            answer = self._ask(key, content_type, attributes)
            self._s3.delete_object(Bucket=self._bucket, Key=key)
            return answer
        except (ClientError, BotoCoreError) as exc:
            raise Refused(explain(exc)) from exc

    def stop(self) -> None:
        self._stopped.set()

    def _ask(self, key: str, content_type: str, attributes: str) -> tuple[bytes, str]:
        """Send a request for an image that is in S3, and wait; remove the image if it failed.

        Raises:
            Refused: the container, or SageMaker, has failed it; or nobody waits any longer.
        """
        try:
            accepted = self._runtime.invoke_endpoint_async(
                EndpointName=self._name,
                InputLocation=f"s3://{self._bucket}/{key}",
                ContentType=content_type,
                Accept=ACCEPT,
                CustomAttributes=attributes,
                InvocationTimeoutSeconds=self._seconds,
                RequestTTLSeconds=QUEUE_SECONDS,
            )
        except (ClientError, BotoCoreError):
            self._s3.delete_object(Bucket=self._bucket, Key=key)
            raise
        output, failure = accepted["OutputLocation"], accepted.get("FailureLocation")
        answer, report = self._await(output, failure)
        if answer:
            return answer["Body"].read(), answer["ContentType"]
        self._s3.delete_object(Bucket=self._bucket, Key=key)
        if report:
            raise Refused(report["Body"].read().decode(errors="replace")[:500])
        raise Refused(
            f"there is nothing at {output} after the {QUEUE_SECONDS + self._seconds} s that "
            "SageMaker may take: its log group says why"
        )

    def _await(
        self, output: str, failure: str | None
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Wait for an object at either place in S3: the answer, or what failed.

        Raises:
            Refused: nobody waits any longer.
        """
        deadline = time.monotonic() + QUEUE_SECONDS + self._seconds
        while time.monotonic() < deadline:
            answer = self._object(output)
            report = None if answer or not failure else self._object(failure)
            if answer or report:
                return answer, report
            self._backlog.show()
            if self._stopped.wait(self.POLL_SECONDS):
                raise Refused(f"not waited for; SageMaker goes on, and its answer will be {output}")
        return None, None

    def _object(self, uri: str) -> dict[str, Any] | None:
        bucket, key = s3_location(uri)
        try:
            return self._s3.get_object(Bucket=bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return None


class Backlog:
    """How many requests wait at an endpoint, shown when that has changed."""

    def __init__(self, aws: Aws, name: str):
        self._cloudwatch, self._name = aws("cloudwatch"), name
        self._lock = threading.Lock()
        self._next = time.monotonic() + BACKLOG_SECONDS
        self._last: int | None = None

    def show(self) -> None:
        """Print it, if it is time for that; by one thread at a time."""
        if time.monotonic() < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + BACKLOG_SECONDS
            waiting = self._look()
            if waiting is not None and waiting != self._last:
                tqdm.write(f"{self._name}: {waiting} requests wait or are computed")
                self._last = waiting
        finally:
            self._lock.release()

    def _look(self) -> int | None:
        """None where CloudWatch does not say, or we may not look."""
        now = datetime.datetime.now(datetime.UTC)
        try:
            points = self._cloudwatch.get_metric_statistics(
                Namespace="AWS/SageMaker",
                MetricName="ApproximateBacklogSize",
                Dimensions=[{"Name": "EndpointName", "Value": self._name}],
                StartTime=now - datetime.timedelta(seconds=5 * BACKLOG_SECONDS),
                EndTime=now,
                Period=60,
                Statistics=["Average"],
            )["Datapoints"]
        except (ClientError, BotoCoreError):
            return None
        newest = max(points, key=lambda point: point["Timestamp"], default=None)
        return round(newest["Average"]) if newest else None
