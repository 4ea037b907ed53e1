"""The container's entry point: ``serve`` runs the model server, anything else runs as a command.

    entrypoint.py serve                this process: starts the others, and ends them all
      toolkit's start_model_server     in a session of its own: Ctrl-C reaches only this process
        java … unet.Server             Multi Model Server (MMS), with ``mms_endpoints``
          worker processes             ``handler_service``

What the processes write lies in one folder below the temporary folder, removed at the end: servers
run side by side, as any user, and with a read-only root file system.

Exit status: 0 after SIGTERM or SIGINT, 1 if the server failed, 2 if a setting is wrong, 127 if
there is no such command. The last line on standard error says why.
"""

import contextlib
import ctypes
import importlib.util
import logging
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import psutil

import load_errors
from segmentation.errors import ConfigurationError, SettingsError
from segmentation.machine import available_cpus, available_memory
from segmentation.settings import MEGABYTE, Settings

HERE = Path(__file__).absolute().parent
ENDPOINTS = HERE / "mms_endpoints" / "build"
# in the folder of a run:
JAVA_ARGUMENTS = "java.args"
LOAD_ERRORS = "load-errors"
# TensorFlow knows nothing of cgroups' quotas, nor reads the first, which other libraries do
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
PID_FILE = ".model_server.pid"  # as MMS's launcher calls it

ENDING = {signal.SIGTERM, signal.SIGINT}
WATCHED = ENDING | {signal.SIGCHLD}
POLL_SECONDS = 0.2
KILL_SECONDS = 2.0  # for processes to end by themselves, before they are killed

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class ServerFailed(ConfigurationError):
    """The server ended, or will never serve; the message says why."""


def main(arguments: Sequence[str]) -> int:
    """Serve, or become the given command."""
    if list(arguments) == ["serve"]:
        try:
            return serve()
        except ConfigurationError as exc:
            print(f"error: {exc}", file=sys.stderr, flush=True)
            return 2 if isinstance(exc, SettingsError) else 1
    return execute(arguments)


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


def serve() -> int:
    """Run the model server until a signal ends it; leaves no process and no file behind.

    Raises:
        SettingsError: the environment asks for something impossible.
        ServerFailed: the server could not start, or ended by itself.
    """
    # Signals are taken by sigtimedwait, one at a time: no handler, so nothing it could interrupt.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    model_dir = os.environ.pop("UNET_MODEL_DIR", None)
    settings = Settings.from_environment(os.environ)
    _check_java(os.environ)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children, so that we find and reap them
    with run_folder() as run:
        environment = server_environment(settings, run, model_dir, os.environ)
        _write_java_arguments(java_arguments(settings, os.environ), run)
        print(_plan(environment), flush=True)
        multi_model = environment.get("SAGEMAKER_MULTI_MODEL") == "true"
        server = Server(run, settings.drain_seconds, multi_model)
        try:
            server.start(environment)
            server.watch()
        finally:
            server.kill()
    return 0


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


def server_environment(
    settings: Settings, run: Path, model_dir: str | None, given: Mapping[str, str]
) -> dict[str, str]:
    """The environment of the server: what was given, with defaults that suit this server.

    Raises:
        ServerFailed: there is no model directory.
    """
    threads = settings.threads or max(1, available_cpus() // settings.workers)
    defaults = dict.fromkeys(THREADS, given.get("OMP_NUM_THREADS") or str(threads)) | {
        "SAGEMAKER_MODEL_SERVER_WORKERS": str(settings.workers),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(settings.max_payload_mb),
        # the toolkit raises the limit of requests only; an answer comes with headers around it
        "MMS_MAX_RESPONSE_SIZE": str((settings.max_payload_mb + 1) * MEGABYTE),
        "SAGEMAKER_BASE_DIR": "/opt/ml",
        "TF_CPP_MIN_LOG_LEVEL": "1",  # warnings; otherwise a screen full at each start
        # the same address means: with it in multi-model mode, and nowhere otherwise (Server.java)
        "MMS_MANAGEMENT_ADDRESS": given.get("MMS_INFERENCE_ADDRESS") or _default_address(given),
    }
    if "SAGEMAKER_MODEL_SERVER_TIMEOUT" not in given:  # upstream: 60 minutes
        # as long as a batch transform job waits for an answer by default
        defaults["SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"] = "600"
    packages = sysconfig.get_path(
        "purelib", sysconfig.get_preferred_scheme("prefix"), {"base": str(run / "packages")}
    )
    fixed = {
        "TMPDIR": str(run),  # of Python, and of MMS's launcher for its pid file
        "TEMP": str(run),  # of MMS, for the sockets and pipes of its workers
        "PATH": _joined(sysconfig.get_path("scripts"), given.get("PATH", os.defpath)),
        "PYTHONPATH": _joined(str(HERE), packages, given.get("PYTHONPATH", "")),
        "PYTHONUNBUFFERED": "1",  # what workers print is in the log at once
        "PIP_PREFIX": str(run / "packages"),  # where code/requirements.txt is installed
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "SAGEMAKER_MODEL_SERVER_VMARGS": _joined(
            given.get("SAGEMAKER_MODEL_SERVER_VMARGS", ""), f"@{JAVA_ARGUMENTS}", separator=" "
        ),
    }
    if settings.threads:
        fixed |= dict.fromkeys(THREADS, str(settings.threads))
    # an empty variable counts as not set, as in Settings
    environment = defaults | {name: value for name, value in given.items() if value} | fixed
    (run / LOAD_ERRORS).mkdir()
    environment[load_errors.FOLDER] = str(run / LOAD_ERRORS)
    if environment.get("SAGEMAKER_MULTI_MODEL") != "true":
        if model_dir:
            environment["SAGEMAKER_BASE_DIR"] = str(_base_dir_of(Path(model_dir), run))
        _check_model_dir(Path(environment["SAGEMAKER_BASE_DIR"], "model"))
    return environment


def _plan(environment: Mapping[str, str]) -> str:
    workers, threads = (
        environment[name] for name in ("SAGEMAKER_MODEL_SERVER_WORKERS", "OMP_NUM_THREADS")
    )
    memory = available_memory() // MEGABYTE
    return (
        f"Starting the model server: workers {workers}, threads of each {threads}, "
        f"CPUs {available_cpus()}, free memory {memory} MB."
    )


def _default_address(given: Mapping[str, str]) -> str:
    """Where the toolkit makes MMS listen."""
    return f"http://0.0.0.0:{given.get('SAGEMAKER_BIND_TO_PORT') or 8080}"


def _joined(*parts: str, separator: str = os.pathsep) -> str:
    return separator.join(filter(None, parts))


def _base_dir_of(model_dir: Path, run: Path) -> Path:
    """A folder as the toolkit expects it, with the model in ``model``."""
    base = run / "ml"
    base.mkdir()
    (base / "model").symlink_to(model_dir.absolute())
    return base


def _check_model_dir(folder: Path) -> None:
    if not folder.is_dir():
        raise ServerFailed(f"the model cannot be served: there is no folder {folder.resolve()}")


def java_arguments(settings: Settings, given: Mapping[str, str]) -> list[str]:
    """The arguments of ``java``, up to the main class.

    MMS's launcher puts them before its own ``-cp`` and main class. Of two main classes Java runs
    the first: ours, which skips the arguments up to MMS's.
    """
    level = given.get("SAGEMAKER_CONTAINER_LOG_LEVEL")
    frontend = _package_folder("mms") / "frontend" / "model-server.jar"
    return [
        "-XX:MaxRAMPercentage=25",  # of what the cgroup grants: 100 MB both ways take 512 MB
        "-XX:-UsePerfData",  # a file in /tmp, whatever TMPDIR is
        "-XX:+ExitOnOutOfMemoryError",  # MMS would leave requests without an answer for ever
        # bodies are few and large: what holds them is freed at once, not kept in a pool
        "-Dio.netty.allocator.type=unpooled",
        "-Dio.netty.noPreferDirect=true",
        f"-Djava.library.path={ENDPOINTS / 'native'}",
        f"-Dunet.drainSeconds={settings.drain_seconds}",
        f"-Dunet.logLevel={_log4j_level(level)}",
        # MMS is chatty: what it calls info helps only when debugging
        f"-Dunet.mmsLogLevel={_log4j_level(level, quieter=True)}",
        "-cp",
        f"{ENDPOINTS / 'mms_endpoints.jar'}:{frontend}",
        "unet.Server",
    ]


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if not spec or not spec.origin:
        raise ServerFailed(f"Python package {name} is missing; install requirements.txt")
    return Path(spec.origin).parent


def _log4j_level(level: str | None, *, quieter: bool = False) -> str:
    """A level of Python's logging as log4j calls it, or the next one."""
    level = (level or "INFO").upper()
    number = int(level) if level.isdigit() else logging.getLevelNamesMapping().get(level, 20)
    names = ["debug", "info", "warn", "error", "fatal", "off"]
    limits = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]
    return names[sum(number > limit for limit in limits) + quieter]


def _write_java_arguments(arguments: Sequence[str], run: Path) -> None:
    """As a file, because MMS's launcher splits them at every blank."""
    quoted = (argument.replace("\\", r"\\").replace('"', r"\"") for argument in arguments)
    (run / JAVA_ARGUMENTS).write_text("".join(f'"{argument}"\n' for argument in quoted))


def _check_java(given: Mapping[str, str]) -> None:
    home = given.get("JAVA_HOME")
    if not shutil.which(f"{home}/bin/java" if home else "java", path=given.get("PATH")):
        where = f"JAVA_HOME is {home}" if home else "PATH has no java"
        raise ServerFailed(f"Java 11 or later is needed; {where}")
    if not (ENDPOINTS / "mms_endpoints.jar").exists():
        raise ServerFailed(f"{ENDPOINTS} is empty; run {ENDPOINTS.parent}/build.sh")


class Server:
    """The processes of one server, all descendants of this one."""

    def __init__(self, run: Path, drain_seconds: float, multi_model: bool):
        self._run = run
        self._drain_seconds = drain_seconds
        self._multi_model = multi_model
        self._toolkit = 0
        self._ended: dict[int, int] = {}  # process id -> exit status, as a shell gives it

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the toolkit's model server in a child process."""
        self._toolkit = os.fork()
        if self._toolkit == 0:
            _run_toolkit(self._run, environment)

    def watch(self) -> None:
        """Return when a signal has ended the server.

        Raises:
            ServerFailed: it ended by itself, or no model can be loaded.
        """
        while not self._signalled():
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
            self._signalled(0.05)

    def _drain(self) -> None:
        """Let the server answer what it has begun to receive; a second Ctrl-C cuts that short."""
        java = self._java()
        if java is None or java in self._ended:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(java, signal.SIGTERM)
        self._await_java(self._drain_seconds + KILL_SECONDS)

    def _await_java(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._java() not in {None, *self._ended} and time.monotonic() < deadline:
            if self._signalled() == signal.SIGINT:
                return

    def _signalled(self, seconds: float = POLL_SECONDS) -> int | None:
        """Wait a moment; return the signal that asks for the end, if one came. Reaps children."""
        caught = signal.sigtimedwait(WATCHED, seconds)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended[ended[0]] = os.waitstatus_to_exitcode(ended[1])
        return caught.si_signo if caught and caught.si_signo in ENDING else None

    def _java(self) -> int | None:
        """The process id of MMS, as its launcher wrote it down; None: not started yet."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._run / PID_FILE).read_text())
        return None

    def _load_error(self) -> str | None:
        if self._multi_model and self._toolkit not in self._ended:
            return None  # a model that cannot be loaded is an answer there, not the end
        reason = load_errors.read(self._run / LOAD_ERRORS)
        return f"the model cannot be served: {reason}" if reason else None

    def _death(self) -> str | None:
        """Why the server ended by itself; None: it did not."""
        java = self._java()
        if java in self._ended:
            return f"the model server ended by itself, with status {self._ended[java]}; see above"
        if self._toolkit in self._ended:
            return "the model server could not be started; see above"
        return None


def _run_toolkit(run: Path, environment: Mapping[str, str]) -> NoReturn:
    """The child process: the toolkit configures and starts MMS, and waits for its end."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        # should the parent be killed, nobody is left to answer for these processes
        signal.signal(signal.SIGHUP, lambda *_: os.killpg(0, signal.SIGKILL))
        _prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(run)
        os.environ.clear()
        os.environ.update(environment)
        _start_model_server(run)
    except BaseException as exc:
        load_errors.write("", {"message": f"{exc}"})
    finally:
        os._exit(1)


def _start_model_server(run: Path) -> None:
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # setuptools is pinned
    # reads the environment when it is imported
    from sagemaker_inference import model_server

    def find_server() -> psutil.Process:
        # upstream looks through all processes of the machine, and refuses to work if there are two
        return psutil.Process(int((run / PID_FILE).read_text()))

    model_server.MMS_CONFIG_FILE = str(run / "mms.properties")  # upstream: in /etc
    model_server.DEFAULT_MMS_LOG_FILE = str(HERE / "log4j2.xml")
    model_server._retrieve_mms_server_process = find_server
    model_server.start_model_server(handler_service="handler_service")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
