"""Send an image to the server, and write what it answers. Needs requests.

python segment.py http://127.0.0.1:8080/invocations cells.png mask.png
python segment.py "http://127.0.0.1:8080/invocations?output=labels&minimum=20" cells.png labels.png
"""

import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry


def segment(url: str, image: bytes) -> bytes:
    """The body of the answer: a PNG for a PNG or a JPEG, a TIFF for a TIFF.

    Raises:
        ValueError: the server refused the image; the message says why, and what to do.
        requests.RequestException: the server is not there, or stays busy.
    """
    # 503 means "busy, come again": the header Retry-After says when
    again = Retry(total=5, backoff_factor=1, status_forcelist=[503], allowed_methods=None)
    with requests.Session() as session:
        session.mount("http", HTTPAdapter(max_retries=again))
        # the server looks at the first bytes to tell which kind of file this is
        headers = {"Content-Type": "application/octet-stream"}
        answer = session.post(url, image, headers=headers, timeout=600)
    if answer.status_code != 200:
        raise ValueError(answer.json()["message"])
    if "Warning" in answer.headers:
        print(answer.headers["Warning"], file=sys.stderr)
    return answer.content


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python segment.py URL IMAGE ANSWER")
    url, image, answer = sys.argv[1:]
    try:
        Path(answer).write_bytes(segment(url, Path(image).read_bytes()))
    except (OSError, ValueError) as error:  # what requests raises is an OSError
        sys.exit(str(error))
