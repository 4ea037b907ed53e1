"""Stands in for the real handler where only the server's life is tested: no model, no delay.

The body of a request tells what to do. Files in the model folder tell of loading: it ``wait``s, but
``let-one-through``; ``fail`` is why it fails; it ``convert``s in a process of its own.
"""

import os
import subprocess
import time
from pathlib import Path

from serving import clients, load_errors


def handle(data, context):
    if data is None:
        return _load(context)
    body = bytes(data[0]["body"])
    command, _, argument = body[:100].decode("latin1").partition(" ")
    if command == "sleep":
        Path(os.environ["TMPDIR"], f"asleep-{time.monotonic_ns()}").touch()
        time.sleep(float(argument))
    elif command == "linger":
        Path(os.environ["TMPDIR"], f"lingers-{context.get_request_id()}").touch()
        while not clients.has_gone(context.get_request_id()):
            time.sleep(0.01)
    elif command == "pid":
        return [str(os.getpid()).encode()]
    elif command == "environment":
        return [os.environ.get(argument, "").encode()]
    elif command == "bytes":
        return [bytes(int(argument))]
    return [f"{command} {len(body)}".encode()]


def _load(context):
    model_dir = Path(context.system_properties["model_dir"])
    while (model_dir / "wait").exists() and not _takes(model_dir / "let-one-through"):
        time.sleep(0.01)
    reason = model_dir / "fail"
    if reason.exists():
        _fail(context, reason.read_text())
    if (model_dir / "convert").exists() and subprocess.run(["sleep", "600"]).returncode:
        _fail(context, "the process that converts it was ended")


def _fail(context, reason):
    error = {"code": 507, "type": "InsufficientStorage", "message": reason}
    load_errors.write(context.model_name, error)
    raise RuntimeError(reason)


def _takes(path):
    """Whether this process, of all that try, removed the file."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
