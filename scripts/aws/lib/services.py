"""Whatever segments an image over the network: a server by its URL, or an endpoint of SageMaker;
``asynchronous`` has those that answer later.
"""

from typing import Protocol

import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aws.lib.cli import Aws, explain

# TIFF where one plane does not hold it; the others where no picture does
ACCEPT = "image/png, image/tiff;q=0.9, application/geo+json;q=0.8, text/csv;q=0.7"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
TIMEOUT_SECONDS = 600
BUSY_CODES = {"ThrottlingException", "ServiceUnavailable", "ModelNotReadyException"}


class Refused(Exception):
    """The service answered an error, or nothing; the message is for the user."""


class Busy(Exception):
    """The request was not begun, and may be sent again."""


class Service(Protocol):
    """Whatever segments images."""

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        """Send an image; the body of the answer, and its media type.

        Raises:
            Refused: there is no answer to be had.
            Busy: there may be one later.
        """
        ...

    def stop(self) -> None:
        """Let nobody wait any longer for an answer; most do not wait long."""
        return


class HttpServer(Service):
    """A server by its URL."""

    def __init__(self, url: str, target_model: str | None):
        path = f"/models/{target_model}/invoke" if target_model else "/invocations"
        self._url = url.rstrip("/") + path

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        headers = {"Content-Type": content_type, "Accept": ACCEPT, ATTRIBUTES: attributes}
        try:
            answer = requests.post(self._url, body, headers=headers, timeout=TIMEOUT_SECONDS)
        except requests.ConnectTimeout as exc:
            raise Busy(f"{self._url} does not answer") from exc
        except requests.ConnectionError as exc:
            message = f"{self._url} cannot be reached: {exc}"
            # requests has no class for a refused connection, only this text tells it; after any
            # other failure the request may have been begun
            if "refused" in str(exc):
                raise Busy(message) from exc
            raise Refused(message) from exc
        except requests.RequestException as exc:
            raise Refused(f"{self._url}: {exc}") from exc
        if answer.status_code in (429, 503):
            raise Busy(_message(answer))
        if answer.status_code != 200:
            raise Refused(_message(answer))
        return answer.content, answer.headers["Content-Type"]


def _message(answer: requests.Response) -> str:
    """The status of an answer and its message, or the beginning of its body."""
    try:
        return f"{answer.status_code}: {answer.json()['message']}"
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code}: {answer.text[:200]}"


class Endpoint(Service):
    """An endpoint of SageMaker."""

    def __init__(self, aws: Aws, name: str, target_model: str | None, component: str | None = None):
        # what may be sent again is decided here: an image that times out is not sent three times
        config = Config(retries={"total_max_attempts": 1}, read_timeout=70)
        self._runtime = aws.session.client("sagemaker-runtime", config=config)
        self._where = {"EndpointName": name}
        if target_model:
            self._where["TargetModel"] = target_model
        if component:
            self._where["InferenceComponentName"] = component

    def __call__(self, body: bytes, content_type: str, attributes: str) -> tuple[bytes, str]:
        try:
            answer = self._runtime.invoke_endpoint(
                **self._where,
                Body=body,
                ContentType=content_type,
                Accept=ACCEPT,
                CustomAttributes=attributes,
            )
            return answer["Body"].read(), answer["ContentType"]
        except ClientError as exc:
            if exc.response["Error"]["Code"] in BUSY_CODES:
                raise Busy(explain(exc)) from exc
            raise Refused(explain(exc)) from exc
        except BotoCoreError as exc:
            raise Refused(explain(exc)) from exc
