"""Every place where this server relies on private parts of the toolkit or of MMS, or changes them.

Each stands with its reason, and behind a check that it still fits: another version of the toolkit
or of MMS is refused by name instead of misbehaving. ``tests/upstream`` checks the same, and more.

The toolkit: https://github.com/aws/sagemaker-inference-toolkit/tree/master/src/sagemaker_inference
MMS: https://github.com/awslabs/multi-model-server/tree/master/mms

Its modules are imported late: the toolkit reads the environment when it is imported.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil

from serving import packages
from serving.contract import CLIENT_GONE
from serving.errors import ServerFailed
from serving.expectations import expect, expect_parameters

TOOLKIT = "sagemaker-inference"
MMS = "multi-model-server"
PID_FILE = ".model_server.pid"  # in the temporary folder; MMS's launcher writes it


# --- importing the toolkit


class _LaterFinder(importlib.abc.MetaPathFinder):
    """Finds one module, and has it executed when something of it is used."""

    def __init__(self, name: str):
        self._name = name

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and spec.loader:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def put_off_scipy() -> None:
    """Let ``scipy.sparse`` be executed when it is used, not when the toolkit is imported.

    The toolkit's decoder imports it, which takes 24 MB and a sixth of a second in each process;
    nothing here uses that decoder. To be called before the toolkit is imported.
    """
    sys.meta_path.insert(0, _LaterFinder("scipy.sparse"))


# --- starting MMS


def frontend_jar() -> Path:
    """MMS's own jar.

    Raises:
        ServerFailed: MMS is not installed.
    """
    return _launcher().parent / "frontend" / "model-server.jar"


def worker_program() -> Path:
    """MMS's own program of workers."""
    return _launcher().with_name("model_service_worker.py")


def server_home(folder: Path) -> str:
    """Has Java find ``mms/model_service_worker.py`` in this folder, not in the launcher's."""
    return f"-Dmodel_server_home={folder}"


def main_class(name: str, jars: Iterable[Path]) -> tuple[str, ...]:
    """The last of the JVM's arguments: they make Java run the class ``name`` in place of MMS's.

    MMS has no way to name another main class. But its launcher puts the arguments for the JVM
    (``vmargs``) before its own ``-cp`` and main class, and of two main classes Java runs the first.
    The others become arguments of that class, which skips them.
    """
    return ("-cp", os.pathsep.join(map(str, jars)), name)


def start_model_server(run: Path, log_configuration: Path, handler_service: str) -> None:
    """Configure MMS, start it, and wait for its end, as the toolkit does; all in this process.

    Args:
        run: the folder for what the toolkit and MMS write; TMPDIR of this process.
        log_configuration: a file for log4j.
        handler_service: the name of the module that workers load.

    Raises:
        UpstreamChanged: the toolkit, or MMS, is not as it was.
    """
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # setuptools is pinned
    put_off_scipy()
    from sagemaker_inference import model_server

    check_launcher()
    check_model_server(model_server)
    model_server.MMS_CONFIG_FILE = str(run / "mms.properties")  # in /etc, which may be read-only
    model_server.DEFAULT_MMS_LOG_FILE = str(log_configuration)  # has no setting
    # The toolkit looks through all processes of the machine, and fails if two of them are MMS.
    model_server._retrieve_mms_server_process = lambda: psutil.Process(
        int((run / PID_FILE).read_text())
    )
    install = model_server._install_requirements
    model_server._install_requirements = lambda: packages.install_beside(
        model_server.REQUIREMENTS_PATH, install, run
    )
    model_server.start_model_server(handler_service=handler_service)


def check_launcher() -> None:
    """Check that MMS's launcher composes Java's command as the arguments above need it.

    Raises:
        UpstreamChanged: it does not.
    """
    source = _launcher().read_text()
    java = r'"-Dmodel_server_home=.*cmd\.extend\(arg_list\)'
    in_order = java + r'.*"-cp".*"com\.amazonaws\.ml\.mms\.ModelServer"'
    expect(
        re.search(in_order, source, re.DOTALL) is not None,
        MMS,
        "its launcher does not put vmargs between its own home and its own main class",
    )
    expect(f'"{PID_FILE}"' in source, MMS, f"its launcher does not write {PID_FILE}")


def check_model_server(module: Any) -> None:
    """Check what ``start_model_server`` overrides in the toolkit.

    Raises:
        UpstreamChanged: it is not as it was.
    """
    for name in ("MMS_CONFIG_FILE", "DEFAULT_MMS_LOG_FILE", "REQUIREMENTS_PATH"):
        expect(
            isinstance(getattr(module, name, None), str), TOOLKIT, f"model_server.{name} is no path"
        )
    expect_parameters(module, "_retrieve_mms_server_process", [], TOOLKIT)
    expect_parameters(module, "_install_requirements", [], TOOLKIT)
    expect_parameters(module, "start_model_server", ["handler_service"], TOOLKIT)


# --- in a worker


def check_transformer(transformer: Any) -> None:
    """Check the private parts of the toolkit's Transformer that ours uses or overrides.

    Raises:
        UpstreamChanged: they are not as they were.
    """
    from sagemaker_inference.transformer import Transformer

    for name in ("_context", "_input_fn", "_predict_fn", "_output_fn", "_transform_fn"):
        expect(hasattr(transformer, name), TOOLKIT, f"Transformer has no {name}")
    for name, parameters in (
        ("transform", ["self", "data", "context"]),
        ("handle_error", ["context", "inference_exception", "trace"]),
        ("_run_handler_function", ["self", "func", "argv"]),
        (
            "_default_transform_fn",
            ["self", "model", "input_data", "content_type", "accept", "context"],
        ),
    ):
        expect_parameters(Transformer, name, parameters, TOOLKIT)
    _utf8_types()


def use_context(transformer: Any, context: Any) -> None:
    """Hand ``context`` to the hooks; the toolkit hands them the first that it saw, for ever."""
    transformer._context = context


@contextlib.contextmanager
def undecoded() -> Iterator[None]:
    """Have the toolkit leave text in bytes: it would decode what is compressed.

    Raises:
        UpstreamChanged: the toolkit is not as it was.
    """
    types = _utf8_types()
    kept = types.copy()
    types.clear()
    try:
        yield
    finally:
        types[:] = kept


def _utf8_types() -> list[str]:
    """The toolkit's own list of the types that it decodes before any hook sees them."""
    from sagemaker_inference import content_types

    types = getattr(content_types, "UTF8_TYPES", None)
    expect(isinstance(types, list), TOOLKIT, "content_types.UTF8_TYPES is no list")
    assert types is not None
    return types


def stage_of(transformer: Any, hook: Any) -> str | None:
    """Which stage of a request a hook is; None: it loads a model, or calls the other stages.

    The toolkit calls all hooks through one function, which does not say what they are for.
    """
    stages = {
        "decode": transformer._input_fn,
        "predict": transformer._predict_fn,
        "encode": transformer._output_fn,
    }
    if transformer._transform_fn != transformer._default_transform_fn:
        stages["transform"] = transformer._transform_fn  # the user's, in place of all three
    return next((name for name, function in stages.items() if function == hook), None)


def predicts_by(transformer: Any, hook: Any) -> bool:
    """Whether requests are answered by way of this ``predict_fn``."""
    by_stages = transformer._transform_fn == transformer._default_transform_fn
    return by_stages and transformer._predict_fn == hook


def complete_bodies(data: Iterable[dict[str, Any]]) -> None:
    """Give each request a body: it has none in MMS if it was empty, or a form."""
    for request in data:
        request.setdefault("body", b"")


def set_status(context: Any, code: int) -> None:
    """Set the status of the answer with its usual phrase, which MMS leaves empty."""
    context.set_response_status(code, "" if code == CLIENT_GONE else HTTPStatus(code).phrase)


def omit_metrics() -> None:
    """Not to write MMS's metrics of each request, which Java would read and nobody see.

    ``log4j2.xml`` drops them; a line that is written wakes Java in the midst of requests.
    """
    logging.getLogger("mms.service").addFilter(lambda record: record.msg != "[METRICS]%s")


def survive_sigterm() -> None:
    """Have SIGTERM do nothing to this worker, and its usual work to processes that it forks.

    MMS's handler removes the socket of the process that starts workers, so that none ever comes
    back; and forks inherit it, as those of ``multiprocessing``, which ends them by that signal.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # it answers what is under way
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def add_folder(folder: Path) -> None:
    """Make the modules of a folder importable, before all others: a model's ``code``, its packages.

    The toolkit only sets PYTHONPATH, which comes too late for a process that runs already.
    """
    sys.path.insert(0, str(folder))


def codeartifact_index() -> str:
    """Where pip finds packages, as the toolkit reads it from CA_REPOSITORY_ARN; with a password.

    Raises:
        UpstreamChanged: the toolkit is not as it was.
    """
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # setuptools is pinned
    from sagemaker_inference import model_server

    expect_parameters(model_server, "_get_codeartifact_index", [], TOOLKIT)
    return model_server._get_codeartifact_index()


# --- checks


def _launcher() -> Path:
    spec = importlib.util.find_spec("mms")
    if spec is None or spec.origin is None:
        raise ServerFailed("Python package mms is missing; install requirements.txt")
    return Path(spec.origin).with_name("model_server.py")
