"""Runs the server in processes of its own, and ends them all.

    supervisor                         this process
      toolkit's start_model_server     in a session of its own: Ctrl-C reaches only the supervisor
        java … unet.Server             Multi Model Server (MMS), extended by ``mms/src``
          worker processes             ``handler_service``

What the processes write lies in one folder below the temporary folder, removed at the end: servers
run side by side, as any user, and with a read-only root file system.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import psutil

from segmentation.machine import available_cpus, available_memory, shows_gpu
from serving import contract, load_errors, upstream
from serving.errors import ServerFailed
from serving.launch import Facts, Launch, argument_file, plan
from serving.settings import Settings

ENDING = {signal.SIGTERM, signal.SIGINT}
WATCHED = ENDING | {signal.SIGCHLD}
POLL_SECONDS = 0.2
KILL_SECONDS = 2.0  # for processes to end by themselves, before they are killed

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def serve(inference: Path, environment: Mapping[str, str]) -> None:
    """Run the model server until a signal ends it; leaves no process and no file behind.

    Args:
        inference: the folder of ``handler_service.py``.
        environment: of this process.

    Raises:
        SettingsError: the environment asks for something impossible.
        ServerFailed: the server could not start, or ended by itself.
    """
    # Signals are taken by sigtimedwait, one at a time: no handler, so nothing it could interrupt.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    settings = Settings.from_environment(environment)
    _check_java(inference, environment)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children, so that we find and reap them
    with run_folder() as run:
        facts = _survey(inference, run)
        launch = plan(settings, environment, facts)
        _prepare(launch, facts)
        print(launch.summary, flush=True)
        server = Server(facts, settings.drain_seconds, launch.multi_model)
        try:
            server.start(launch.environment)
            server.watch()
        finally:
            server.kill()


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A private folder for whatever the server writes, removed at the end."""
    # the path of a socket has at most 107 characters
    short = len(tempfile.gettempdir()) <= 64
    folder = Path(tempfile.mkdtemp(prefix="unet-", dir=None if short else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_java(inference: Path, environment: Mapping[str, str]) -> None:
    home = environment.get("JAVA_HOME")
    if not shutil.which(f"{home}/bin/java" if home else "java", path=environment.get("PATH")):
        where = f"JAVA_HOME is {home}" if home else "PATH has no java"
        raise ServerFailed(f"Java 11 or later is needed; {where}")
    mms = inference / "mms"
    jar = mms / contract.JAR
    if not jar.exists():
        raise ServerFailed(f"{jar.parent} is empty; run {mms}/build.sh")


def _survey(inference: Path, run: Path) -> Facts:
    """Look at the machine and the installation."""
    packages = sysconfig.get_path(
        "purelib", sysconfig.get_preferred_scheme("prefix"), {"base": str(run / "packages")}
    )
    return Facts(
        cpus=available_cpus(),
        memory=available_memory(),
        gpu=shows_gpu(),
        inference=inference,
        run=run,
        scripts=Path(sysconfig.get_path("scripts")),
        packages=Path(packages),
        frontend=upstream.frontend_jar(),
    )


def _prepare(launch: Launch, facts: Facts) -> None:
    """Write what the processes of the server read.

    Raises:
        ServerFailed: there is no model directory.
    """
    if launch.model_dir and not launch.model_dir.is_dir():
        raise ServerFailed(
            f"the model cannot be served: there is no folder {launch.model_dir.resolve()}"
        )
    if launch.model_dir and launch.model_link:
        launch.model_link.parent.mkdir()
        launch.model_link.symlink_to(launch.model_dir.absolute())
    facts.load_errors.mkdir()
    facts.java_arguments.write_text(argument_file(launch.java_arguments))


class Server:
    """The processes of one server, all descendants of this one."""

    def __init__(self, facts: Facts, drain_seconds: float, multi_model: bool):
        self._facts = facts
        self._drain_seconds = drain_seconds
        self._multi_model = multi_model
        self._toolkit = 0
        self._ended: dict[int, int] = {}  # process id -> exit status, as a shell gives it

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the toolkit's model server in a child process."""
        self._toolkit = os.fork()
        if self._toolkit == 0:
            _run_toolkit(self._facts, environment)

    def watch(self) -> None:
        """Return when a signal has ended the server.

        Raises:
            ServerFailed: it ended by itself, or no model can be loaded.
        """
        while not self._next_signal():
            reason = self._load_error() or self._death()
            if reason:
                self._await_java(KILL_SECONDS)  # MMS notices, too, and tells its clients
                self.kill()  # so that the reason is the last line
                raise ServerFailed(self._load_error() or reason)
        self._drain()

    def kill(self) -> None:
        """End and reap all descendants, whatever they are doing."""
        deadline = time.monotonic() + KILL_SECONDS
        while processes := psutil.Process().children(recursive=True):
            late = time.monotonic() > deadline
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
            self._next_signal(0.05)

    def _drain(self) -> None:
        """Let the server answer what it has begun to receive; a second Ctrl-C cuts that short."""
        java = self._java()
        if java is None or java in self._ended:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(java, signal.SIGTERM)
        self._await_java(self._drain_seconds + KILL_SECONDS)

    def _await_java(self, seconds: float) -> None:
        """Wait until MMS has ended; at most so long, or until Ctrl-C."""
        deadline = time.monotonic() + seconds
        while self._java_runs() and time.monotonic() < deadline:
            if self._next_signal() == signal.SIGINT:
                return

    def _next_signal(self, seconds: float = POLL_SECONDS) -> int | None:
        """Wait a moment; return the signal that asks for the end, if one came. Reaps children."""
        caught = signal.sigtimedwait(WATCHED, seconds)
        with contextlib.suppress(ChildProcessError):  # there are no children
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended[ended[0]] = os.waitstatus_to_exitcode(ended[1])
        return caught.si_signo if caught and caught.si_signo in ENDING else None

    def _java(self) -> int | None:
        """The process id of MMS, as its launcher wrote it down; None: not started yet."""
        file = self._facts.run / upstream.PID_FILE
        text = file.read_text() if file.exists() else ""
        return int(text) if text else None  # for a moment the file is empty

    def _java_runs(self) -> bool:
        java = self._java()
        return java is not None and java not in self._ended

    def _load_error(self) -> str | None:
        if self._multi_model and self._toolkit not in self._ended:
            return None  # a model that cannot be loaded is an answer there, not the end
        reason = load_errors.read(self._facts.load_errors)
        return f"the model cannot be served: {reason}" if reason else None

    def _death(self) -> str | None:
        """Why the server ended by itself; None: it did not."""
        java = self._java()
        if java in self._ended:
            return f"the model server ended by itself, with status {self._ended[java]}; see above"
        if self._toolkit in self._ended:
            return "the model server could not be started; see above"
        return None


def _run_toolkit(facts: Facts, environment: Mapping[str, str]) -> NoReturn:
    """The child process: the toolkit configures and starts MMS, and waits for its end."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        # should the parent be killed, nobody is left to answer for these processes
        signal.signal(signal.SIGHUP, lambda *_: os.killpg(0, signal.SIGKILL))
        _prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(facts.run)
        os.environ.clear()
        os.environ.update(environment)
        upstream.start_model_server(
            facts.run, facts.mms / contract.LOG_CONFIGURATION, "handler_service"
        )
    except BaseException as exc:
        load_errors.write("", {"message": f"{exc}"})
    finally:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
