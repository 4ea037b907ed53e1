"""What an endpoint served, and serves: written on the endpoint itself, as tags.

The time at which a config was made does not tell: the newest one may never have served. So
deploy.py and rollback.py write down what SageMaker has said to be in service, once they saw it.
"""

from dataclasses import dataclass
from typing import Any

from aws.lib.calls import Call, tag_list
from aws.lib.cli import Aws, pages

SERVES = "unet-inference:serves"
SERVED_BEFORE = "unet-inference:served-before"


@dataclass(frozen=True)
class Record:
    """What is known of an endpoint's past; of an inference component it is models, not configs.

    Attributes:
        serves: the config that was last seen to serve; None: nobody has looked yet.
        before: the one that was seen before it.
        tags: all tags of the endpoint.
    """

    serves: str | None
    before: str | None
    tags: dict[str, str]

    def back_to(self, endpoint: dict[str, Any]) -> str | None:
        """The config that served before the one that an endpoint has; None: none is known."""
        mixed = endpoint["EndpointStatus"] == "UpdateRollbackFailed"
        if self.serves and (mixed or endpoint["EndpointConfigName"] != self.serves):
            return self.serves  # what came after it was begun, and nobody saw it serve
        return self.before


def read(aws: Aws, endpoint: dict[str, Any] | None) -> Record:
    """What is written on an endpoint; nothing where there is none."""
    if not endpoint:
        return Record(None, None, {})
    listed = pages(aws("sagemaker"), "list_tags", "Tags", ResourceArn=endpoint["EndpointArn"])
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    return Record(tags.get(SERVES), tags.get(SERVED_BEFORE), tags)


def write(
    aws: Aws,
    endpoint: dict[str, Any],
    known: Record,
    tags: dict[str, str] | None = None,
    serves: str | None = None,
) -> Record:
    """Write down that an endpoint serves the config that it has, and tag it; what is now known.

    Args:
        endpoint: as described, in service.
        known: what was read from it.
        tags: others that it is to have.
        serves: the model, where it has an inference component, which serves others by one config.
    """
    config = serves or endpoint["EndpointConfigName"]
    wanted = dict(tags or {})
    if known.serves != config:
        wanted[SERVES] = config
        if known.serves:
            wanted[SERVED_BEFORE] = known.serves
    missing = {key: value for key, value in wanted.items() if known.tags.get(key) != value}
    if missing:
        parameters = {"ResourceArn": endpoint["EndpointArn"], "Tags": tag_list(missing)}
        Call("sagemaker", "add_tags", parameters).run(aws)
    now = known.tags | missing
    return Record(now.get(SERVES), now.get(SERVED_BEFORE), now)
