#!/usr/bin/env python3
"""Run the server for a person: say where it is when it is ready, and show warnings and errors.

`make serve` runs this. The settings of the server are its environment, as in a container. With
SAGEMAKER_CONTAINER_LOG_LEVEL in it, all that the server logs is shown, a line for each request
included.

Needs what serving needs, and no more.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import in_venv as in_venv

from lib.server import ENTRYPOINT, POLL_SECONDS, is_ready, ping
from serving.settings import Settings

ROOT = ENTRYPOINT.parents[1]
SAMPLE = ROOT / "models" / "unet-membrane" / "sample.png"
LEVEL = "SAGEMAKER_CONTAINER_LOG_LEVEL"
ENDING = {signal.SIGTERM, signal.SIGINT}
EVERYWHERE = ("0.0.0.0", "::")  # addresses to listen on, which nobody can open
# what is said at every start by the supervisor, by MMS and its launcher, and by log4j
CHATTER = (
    "Starting the model server: ",
    "Model server started, ",
    "Warning: MMS is using non-default JVM parameters",
    "WARNING: sun.reflect.Reflection.getCallerClass is not supported",
)


def main() -> int:
    """Serve until a signal ends it; the exit status of the server."""
    quiet = not os.environ.get(LEVEL)
    url = free_url(os.environ)
    # what comes before the server looks at signals waits for it
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    server = subprocess.Popen(
        [sys.executable, ENTRYPOINT, "serve"],
        env=os.environ | ({LEVEL: "WARNING"} if quiet else {}),
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    # Ctrl-C reaches the server, too: it ends in order, and this after it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: server.send_signal(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if url:
        arguments = (url, lambda: server.poll() is None)
        threading.Thread(target=announce, args=arguments, daemon=True).start()
    assert server.stdout
    for line in server.stdout:
        if not (quiet and line.startswith(CHATTER)):
            print(line, end="", flush=True)
    return server.wait()


def free_url(environment: Mapping[str, str]) -> str:
    """As ``url_of``; "" where the server will end with the reason: it has no such port, or another
    one listens there, which must not be taken for it.
    """
    try:
        url = url_of(environment)
    except ValueError:
        return ""
    return url if ping(url) is None else ""


def url_of(environment: Mapping[str, str]) -> str:
    """Where a person reaches the server, without a slash at the end."""
    port = environment.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    address = urlsplit(environment.get("MMS_INFERENCE_ADDRESS") or f"http://127.0.0.1:{port}")
    host = "127.0.0.1" if address.hostname in EVERYWHERE else address.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{address.scheme}://{host}:{address.port or port}"


def announce(url: str, running: Callable[[], bool]) -> None:
    """Say where the server is, as soon as it is ready; on a terminal, that it starts, before."""
    begin = time.monotonic()
    on_terminal = sys.stderr.isatty()
    while running() and not is_ready(url):
        if on_terminal:
            seconds = time.monotonic() - begin
            print(f"\rstarting the server … {seconds:.0f} s ", end="", file=sys.stderr, flush=True)
        time.sleep(10 * POLL_SECONDS)
    if on_terminal:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if running():
        print("\n".join(lines_of(url, os.environ)), flush=True)


def lines_of(url: str, environment: Mapping[str, str]) -> list[str]:
    """What to do with a server that is ready."""
    settings = Settings.from_environment(environment)
    lines = [f"server  {url}  (Ctrl-C ends it)"]
    if settings.page:
        lines.append(f"page    {url}/")
    if settings.multi_model:
        body = '{"model_name": "a", "url": "/path/to/model"}'
        command = f"curl -X POST {url}/models -H 'Content-Type: application/json' -d '{body}'"
    else:
        command = (
            f"curl -X POST {url}/invocations -H 'Content-Type: image/png' "
            f"--data-binary @{shlex.quote(shown(SAMPLE))} -o mask.png"
        )
    return [*lines, f"curl    {command}"]


def shown(path: Path) -> str:
    """A path as short as it can be from where the command runs."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
