"""What this server expects of packages whose private parts it uses, said when it does not hold."""

import importlib.metadata
import inspect
from typing import Any

from serving.errors import UpstreamChanged


def expect(fits: bool, package: str, difference: str) -> None:
    """Refuse a package that is not as it was.

    Args:
        fits: whether it is.
        package: its name.
        difference: what is found instead, for the message.

    Raises:
        UpstreamChanged: it is not.
    """
    if not fits:
        version = importlib.metadata.version(package)
        raise UpstreamChanged(
            f"{package} {version} is not the one that this server was written for: {difference}; "
            "install requirements.txt"
        )


def expect_parameters(owner: Any, name: str, parameters: list[str], package: str) -> None:
    """Check that ``owner`` has a function of that name with these parameters.

    Raises:
        UpstreamChanged: it has not.
    """
    function = getattr(owner, name, None)
    actual = list(inspect.signature(function).parameters) if callable(function) else None
    where = f"{getattr(owner, '__name__', owner)}.{name}"
    expect(actual is not None, package, f"there is no function {where}")
    expect(
        actual == parameters, package, f"{where} takes {actual}, where {parameters} are expected"
    )
