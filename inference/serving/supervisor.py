"""Runs the server in processes of its own, and ends them all.

    supervisor                         this process
      toolkit's start_model_server     in a session of its own: Ctrl-C reaches only the supervisor
        java … unet.Server             Multi Model Server (MMS), extended by ``mms/src``
          worker processes             ``handler_service``

What the processes write lies in one folder below the temporary folder, removed at the end: servers
run side by side, as any user, and with a read-only root file system.

MMS starts its workers again, whenever they end. Should MMS itself end without meaning to, killed or
out of memory, all of it is started again, unless that has happened too often (``restarts.py``).
"""

import contextlib
import os
import shutil
import signal
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import psutil

from segmentation.machine import available_cpus, available_memory, shows_gpu
from serving import addresses, contract, environment, load_errors, privileges, upstream
from serving.errors import ServerFailed
from serving.facts import Facts
from serving.launch import Launch, argument_file, model_folder, plan
from serving.restarts import MOST, SECONDS, Restarts, in_words
from serving.settings import Settings
from serving.temporary import check_cache, run_folder

ENDING = {signal.SIGTERM, signal.SIGINT}
WATCHED = ENDING | {signal.SIGCHLD}
POLL_SECONDS = 0.2
KILL_SECONDS = 2.0  # for processes to end by themselves, before they are killed
GAVE_UP = 1  # Java's exit status where it says itself why it cannot serve
TOO_OFTEN = f"that was {MOST} times within {SECONDS / 60:.0f} minutes: it is given up"

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def serve(inference: Path, variables: Mapping[str, str]) -> None:
    """Run the model server until a signal ends it; leaves no process and no file behind.

    Args:
        inference: the folder of ``handler_service.py``.
        variables: the environment of this process.

    Raises:
        SettingsError: the environment asks for something impossible.
        ServerFailed: the server could not start, or ended by itself.
    """
    # Signals are taken by sigtimedwait, one at a time: no handler, so nothing it could interrupt.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    settings = Settings.from_environment(variables)
    _check_java(inference, variables)
    privileges.give_up(settings, inference, model_folder(settings, variables))
    if settings.cache_dir:
        check_cache(settings.cache_dir)
    addresses.check_free(settings.address, settings.port)
    # orphans become our children, so that we find and reap them
    privileges.prctl(PR_SET_CHILD_SUBREAPER, 1)
    with run_folder() as run:
        facts = _survey(inference, run)
        launch = plan(settings, variables, facts)
        _prepare(launch, facts)
        print(launch.summary, flush=True)
        server = Server(facts, settings.drain_seconds, launch.multi_model)
        try:
            server.run(_environment(launch))
        finally:
            server.kill()


def _environment(launch: Launch) -> Mapping[str, str]:
    """What the processes of the server know. Code of models that come later may need all of it."""
    if launch.model_dir is None:
        return launch.environment
    return environment.needed(launch.environment, launch.model_dir)


def _check_java(inference: Path, variables: Mapping[str, str]) -> None:
    home = variables.get("JAVA_HOME")
    if not shutil.which(f"{home}/bin/java" if home else "java", path=variables.get("PATH")):
        where = f"JAVA_HOME is {home}" if home else "PATH has no java"
        raise ServerFailed(
            f"Java 11 or later is needed; {where}; install openjdk-17-jre-headless, or name "
            "another one in JAVA_HOME"
        )
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
        what = "is no folder" if launch.model_dir.exists() else "is not there"
        raise ServerFailed(
            f"the model cannot be served: {launch.model_dir.resolve()} {what}; name the folder of "
            "the model in UNET_MODEL_DIR, or mount it there"
        )
    if launch.model_dir and launch.model_link:
        launch.model_link.parent.mkdir()
        launch.model_link.symlink_to(launch.model_dir.absolute())
    for folder in facts.messages:
        folder.mkdir()
    facts.java_arguments.write_bytes(os.fsencode(argument_file(launch.java_arguments)))


class Server:
    """The processes of one server, all descendants of this one."""

    def __init__(self, facts: Facts, drain_seconds: float, multi_model: bool):
        self._facts = facts
        self._drain_seconds = drain_seconds
        self._multi_model = multi_model
        self._toolkit = 0
        self._ended: dict[int, int] = {}  # process id -> exit status; of a signal: minus its number

    def run(self, environment: Mapping[str, str]) -> None:
        """Serve until a signal ends it; start again what ends by itself.

        Raises:
            ServerFailed: it ended by itself too often, or no model can be loaded.
        """
        restarts = Restarts()
        self._start(environment)
        while not self._next_signal():
            fault = self._fault()
            told = None if fault else self._load_error()
            death = None if fault else self._death()
            if told or death:
                self._await_java(KILL_SECONDS)  # MMS notices, too, and tells its clients
                # not what a worker says that is killed
                reason = told or self._load_error() or death
                self.kill()  # so that the reason is the last line
                raise ServerFailed(reason)
            if fault and not restarts.another():
                self.kill()
                raise ServerFailed(f"{fault}; {TOO_OFTEN}")
            if fault:
                print(f"{fault}; it is started again", flush=True)
                if self.kill(patience=0):  # workers without MMS have nobody to answer
                    return
                _forget(self._facts)
                self._start(environment)
        self._drain()

    def _start(self, environment: Mapping[str, str]) -> None:
        """Start the toolkit's model server in a child process."""
        self._ended.clear()  # process ids come back
        self._toolkit = os.fork()
        if self._toolkit == 0:
            _run_toolkit(self._facts, environment)

    def kill(self, patience: float = KILL_SECONDS) -> bool:
        """End and reap all descendants, whatever they are doing.

        Args:
            patience: seconds for them to end by themselves.

        Returns:
            Whether a signal asked for the end meanwhile.
        """
        asked = False
        deadline = time.monotonic() + patience
        while processes := psutil.Process().children(recursive=True):
            late = time.monotonic() >= deadline
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
            asked = self._next_signal(0.05) is not None or asked
        return asked

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

    def _fault(self) -> str | None:
        """How the server ended without meaning to; None: it did not."""
        java = self._java()
        if java in self._ended and self._ended[java] != GAVE_UP:
            return f"the model server ended by itself: {in_words(self._ended[java])}"
        if self._ended.get(self._toolkit, 0) < 0:
            how = in_words(self._ended[self._toolkit])
            return f"the process that started the model server ended by itself: {how}"
        return None

    def _death(self) -> str | None:
        """Why the server gave up; None: it did not."""
        if self._java() in self._ended:
            return f"the model server ended by itself, with status {GAVE_UP}; see above"
        if self._toolkit in self._ended:
            return "the model server could not be started; see above"
        return None


def _forget(facts: Facts) -> None:
    """Remove what MMS and its workers left: converted graphs and installed packages stay."""
    for path in facts.run.iterdir():
        if path.name == upstream.PID_FILE or path.is_socket() or path.is_fifo():
            path.unlink()
    for folder in facts.messages:
        for path in folder.iterdir():
            path.unlink()


def _run_toolkit(facts: Facts, environment: Mapping[str, str]) -> NoReturn:
    """The child process: the toolkit configures and starts MMS, and waits for its end."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        # should the parent be killed, nobody is left to answer for these processes
        signal.signal(signal.SIGHUP, lambda *_: os.killpg(0, signal.SIGKILL))
        privileges.prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(facts.run)
        os.environ.clear()
        os.environ.update(environment)
        upstream.start_model_server(
            facts.run, facts.mms / contract.LOG_CONFIGURATION, "handler_service"
        )
    except BaseException as exc:
        print(f"{type(exc).__name__}: {exc}", flush=True)
        load_errors.write("", {"message": f"{exc}"})
    finally:
        os._exit(1)
