"""Log groups of SageMaker: which streams there are, and the newest lines of some of them."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.lib.cli import Aws

STREAMS = 50  # the newest; CloudWatch answers no more at once
TRANSFORM_JOBS = "/aws/sagemaker/TransformJobs"


def of_endpoint(name: str) -> str:
    """The log group of an endpoint; each instance writes a stream of its own."""
    return f"/aws/sagemaker/Endpoints/{name}"


def streams(aws: Aws, group: str, prefix: str = "") -> list[str]:
    """The names of the streams of a log group, the one with the newest line first.

    Args:
        prefix: of the names wanted.

    Returns:
        None where there is no such group, or we may not look.
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


def last_lines(aws: Aws, group: str, stream: str, count: int = 15) -> list[str]:
    """The newest lines of a stream, as they were written; none where we may not look."""
    try:
        events = aws("logs").get_log_events(
            logGroupName=group, logStreamName=stream, limit=count, startFromHead=False
        )["events"]
    except (ClientError, BotoCoreError):
        return []
    return [event["message"].rstrip() for event in events]
