"""Send an image to an endpoint of SageMaker, and write what it answers. Needs boto3.

python endpoint.py cells image.png mask.png
python endpoint.py cells image.png overlay.png output=overlay,threshold=0.4
"""

import json
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def segment(endpoint: str, image: bytes, options: str = "") -> bytes:
    """The body of the answer: a PNG for a PNG or a JPEG, a TIFF for a TIFF.

    Args:
        endpoint: its name; region and credentials are those that boto3 finds.
        image: the bytes of a file, at most 6 MB of them.
        options: such as ``output=overlay, threshold=0.4``.

    Raises:
        ValueError: the server refused the image; the message says why, and what to do.
        ClientError: SageMaker refused the request; BotoCoreError: it was not reached.
    """
    config = Config(read_timeout=70, retries={"mode": "standard"})  # an endpoint may take 60 s
    try:
        answer = boto3.client("sagemaker-runtime", config=config).invoke_endpoint(
            EndpointName=endpoint,
            Body=image,
            ContentType="application/octet-stream",
            CustomAttributes=options,
        )
    except ClientError as error:
        refusal = error.response.get("OriginalMessage")  # what the server said
        raise ValueError(json.loads(refusal)["message"]) if refusal else error from None
    if "CustomAttributes" in answer:
        print(answer["CustomAttributes"], file=sys.stderr)  # a warning
    return answer["Body"].read()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: python endpoint.py ENDPOINT IMAGE ANSWER [OPTIONS]")
    endpoint, image, answer, *options = sys.argv[1:]
    try:
        Path(answer).write_bytes(segment(endpoint, Path(image).read_bytes(), *options))
    except (OSError, ValueError, ClientError, BotoCoreError) as error:
        sys.exit(str(error))
