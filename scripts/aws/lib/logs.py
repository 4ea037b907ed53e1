"""Log groups of SageMaker: which streams there are, and the newest lines of some of them."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.lib.cli import Aws

STREAMS = 50  # the newest; CloudWatch answers no more at once
TRANSFORM_JOBS = "/aws/sagemaker/TransformJobs"


def of_endpoint(name: str) -> str:
    """The log group of an endpoint; each instance writes a stream of its own."""
    return f"/aws/sagemaker/Endpoints/{name}"


def of_component(name: str) -> str:
    """The log group of an inference component; each copy writes a stream of its own."""
    return f"/aws/sagemaker/InferenceComponents/{name}"


def streams(aws: Aws, group: str, prefix: str = "") -> list[str]:
    """The names of the streams of a log group, the one with the newest line first.

    Args:
        prefix: of the names wanted.

    Returns:
        None of them where there is no such group, or we may not look.
    """
    # CloudWatch sorts by time only where no prefix is asked for
    order: dict[str, Any] = {"logStreamNamePrefix": prefix} if prefix else {
        "orderBy": "LastEventTime", "descending": True
    }  # fmt: skip
    try:
        found = aws("logs").describe_log_streams(logGroupName=group, limit=STREAMS, **order)
    except (ClientError, BotoCoreError):
        return []
    newest = sorted(found["logStreams"], key=lambda s: -s.get("lastEventTimestamp", 0))
    return [stream["logStreamName"] for stream in newest]


LAST = 15  # lines of a stream that are shown where something failed


def last_lines(aws: Aws, group: str, stream: str) -> list[str]:
    """The newest lines of a stream, as they were written; none where we may not look."""
    return lines(aws, group, stream, LAST, from_head=False)


def lines(aws: Aws, group: str, stream: str, count: int, from_head: bool) -> list[str]:
    """The oldest or the newest lines of a stream; none where we may not look."""
    try:
        events = aws("logs").get_log_events(
            logGroupName=group, logStreamName=stream, limit=count, startFromHead=from_head
        )["events"]
    except (ClientError, BotoCoreError):
        return []
    return [event["message"].rstrip() for event in events]
