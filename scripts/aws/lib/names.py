"""How things in AWS are named, so that they tell which endpoint they belong to."""

import hashlib
import json
import re
from typing import Any

VARIANT = "AllTraffic"
TAG = "unet-inference:endpoint"  # on everything that is made for an endpoint
HASH_LENGTH = 10
HASH = rf"[0-9a-f]{{{HASH_LENGTH}}}"


def version(name: str, content: dict[str, Any]) -> str:
    """The name of a model or config of an endpoint, with a hash of what is in it."""
    text = json.dumps(content, sort_keys=True)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"


def is_of(name: str, candidate: str) -> bool:
    """Whether a model or config is a version of the endpoint ``name``."""
    return bool(re.fullmatch(rf"{re.escape(name)}-{HASH}", candidate))
