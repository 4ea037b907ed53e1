"""A request to AWS, before it is sent."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

LINE = 90  # characters


@dataclass(frozen=True)
class Call:
    """One request to AWS."""

    service: str
    operation: str
    parameters: dict[str, Any]

    def run(self, aws: Any) -> dict[str, Any]:
        return getattr(aws(self.service), self.operation)(**self.parameters)

    def as_cli(self) -> str:
        """The same request for the AWS CLI, set so that it can be read."""
        name = self.operation.replace("_", "-")
        text = shlex.quote(readable(self.parameters))
        return f"aws {self.service} {name} --cli-input-json {text}"


def readable(value: Any, indent: str = "") -> str:
    """A value as JSON, in which what fits into a line stands in one."""
    line = json.dumps(value)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {readable(item, inner)}" for key, item in value.items()]
        opening, closing = "{}"
    else:
        items = [readable(item, inner) for item in value]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{closing}"


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as requests have them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
