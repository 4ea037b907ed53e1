"""The container's entry point: ``serve`` runs the model server, anything else runs as a command.

Exit status of ``serve``: 0 after SIGTERM or SIGINT, 1 if the server failed, 2 if a setting is
wrong. The last line on standard error says why. 127 if there is no such command.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation.errors import ConfigurationError, SettingsError
from serving import supervisor

HERE = Path(__file__).absolute().parent


def main(arguments: Sequence[str]) -> int:
    """Serve, or become another command."""
    if list(arguments) == ["serve"]:
        return serve()
    return execute(arguments)


def serve() -> int:
    """Run the model server until a signal ends it."""
    try:
        supervisor.serve(HERE, os.environ)
    except ConfigurationError as exc:
        print(f"error: {exc}", file=sys.stderr, flush=True)
        return 2 if isinstance(exc, SettingsError) else 1
    return 0


def execute(command: Sequence[str]) -> int:
    """Replace this process by ``command``; return only if that is impossible."""
    if not command:
        print("error: nothing to do; give `serve`, or a command to run", file=sys.stderr)
        return 127
    try:
        os.execvp(command[0], list(command))
    except OSError as exc:
        print(f"error: cannot run {command[0]}: {exc.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
