"""One line of JSON for each request, and the same figures as CloudWatch metrics.

With ``UNET_METRICS=emf`` a line is in CloudWatch's embedded metric format, too: CloudWatch Logs
makes metrics of it, by model, without any call to an API.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

NAMESPACE = "unet-inference"
UNITS = {
    "decode_ms": "Milliseconds",
    "predict_ms": "Milliseconds",
    "encode_ms": "Milliseconds",
    "transform_ms": "Milliseconds",
    "bytes_in": "Bytes",
    "bytes_out": "Bytes",
    "tiles": "Count",
    "errors": "Count",
    "faults": "Count",
}


class Record:
    """What is known of one request; attributes that are None are left out of its line."""

    def __init__(self, **known: Any):
        """Begin with what is known when the request comes, such as ``request_id``."""
        self._known = known

    def note(self, **known: Any) -> None:
        self._known |= known

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure a stage, in milliseconds, also of one that fails."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._known[f"{stage}_ms"] = round(1000 * (time.perf_counter() - begin), 1)

    def line(self, metrics: str | None) -> str:
        """The line of this request.

        Args:
            metrics: "emf" for CloudWatch's embedded metric format.
        """
        known = {name: value for name, value in self._known.items() if value is not None}
        if metrics == "emf":
            status = known.get("status", 0)
            known |= {"errors": int(400 <= status < 500), "faults": int(status >= 500)}
            known |= _embedded_metrics(known)
        try:
            return orjson.dumps(known, default=str).decode()
        except TypeError:  # half a pair of surrogates, out of a file
            return json.dumps(known, default=str)


def _embedded_metrics(known: dict[str, Any]) -> dict[str, Any]:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["model"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in UNITS.items() if name in known],
    }
    return {"_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}}
