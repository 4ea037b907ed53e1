"""How the server is to be started: what its processes find in their environment, Java's arguments.

Everything here is computed from values: nothing is read, written or started (``supervisor`` does).
"""

import bisect
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segmentation import machine
from serving import addresses, contract, foreign, upstream
from serving.environment import PYTHON_PATH
from serving.facts import Facts
from serving.settings import DIGITS, MEGABYTE, MODEL_DIR, Settings, stripped

# OpenVINO is told by the server; TensorFlow knows nothing of cgroups' quotas, nor reads the first,
# which other libraries do
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# as long as a batch transform job waits for an answer by default
TIMEOUT_SECONDS = 600
NO_TIMEOUT = 1_000_000_000
REQUEST_SHARE = 0.9  # of it, that a request may take: the worker lives on
TWO_WORKERS_MEMORY = 2 << 30  # bytes: the least with which two workers are started by default
# where SageMaker puts the model: in its folder "model"
BASE_DIR = "/opt/ml"


@dataclass(frozen=True)
class Launch:
    """A server that is to be started.

    Attributes:
        environment: of all its processes.
        java_arguments: the arguments of ``java``, up to the main class.
        model_dir: the folder of the model; None in multi-model mode.
        model_link: where a link to ``model_dir`` is to be, for the toolkit; None: nowhere.
        multi_model: whether models are loaded and unloaded while it runs.
        summary: a line that tells what is started.
    """

    environment: dict[str, str]
    java_arguments: tuple[str, ...]
    model_dir: Path | None
    model_link: Path | None
    multi_model: bool
    summary: str


def plan(settings: Settings, environment: Mapping[str, str], facts: Facts) -> Launch:
    """Decide how to start the server.

    Args:
        settings: as read from ``environment``.
        environment: of the supervisor; an empty variable counts as not set.
        facts: of the machine and the installation.
    """
    variables = stripped(environment)
    foreign.refuse(variables)
    model_dir = model_folder(settings, variables)
    multi_model = settings.multi_model
    listening = addresses.listening(settings.address, settings.port)
    # where the toolkit finds a model that is not where SageMaker puts it
    model_link = facts.run / "ml" / "model" if model_dir and MODEL_DIR in variables else None
    workers = settings.workers or _default_workers(settings, facts, multi_model)
    complete = _complete(replace(settings, workers=workers), variables, facts, model_link)
    # one address for both: management is there in multi-model mode, and nowhere otherwise
    complete[addresses.ADDRESS] = complete["MMS_MANAGEMENT_ADDRESS"] = listening.address
    return Launch(
        environment=complete,
        java_arguments=_java_arguments(settings, listening, facts),
        model_dir=model_dir,
        model_link=model_link,
        multi_model=multi_model,
        summary=_summary(complete, facts),
    )


def argument_file(arguments: Sequence[str]) -> str:
    """The content of a file that ``java @file`` takes its arguments from, one a line.

    https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html#java-command-line-argument-files
    """
    quoted = (argument.replace("\\", r"\\").replace('"', r"\"") for argument in arguments)
    return "".join(f'"{argument}"\n' for argument in quoted)


def model_folder(settings: Settings, environment: Mapping[str, str]) -> Path | None:
    """The folder of the model; None in multi-model mode."""
    if settings.multi_model:
        return None
    base_dir = environment.get("SAGEMAKER_BASE_DIR") or BASE_DIR
    return Path(environment.get(MODEL_DIR) or Path(base_dir, "model"))


def _complete(
    settings: Settings, variables: Mapping[str, str], facts: Facts, model_link: Path | None
) -> dict[str, str]:
    """The environment of the server: defaults, which ``variables`` replace, then overrides."""
    complete = _defaults(settings, variables, facts)
    complete.update(variables)
    complete.update(_overrides(settings, variables, facts))
    if model_link:
        complete["SAGEMAKER_BASE_DIR"] = str(model_link.parent)
    complete.pop(MODEL_DIR, None)  # the processes of the server know one place: SageMaker's
    return complete


def _default_workers(settings: Settings, facts: Facts, multi_model: bool) -> int:
    """Of each model: two, which together answer more than one that takes all CPUs for each image.

    One where they would do nothing at the same time, where each would take much more memory, or
    where there is little.
    """
    alone = facts.cpus == 1 or multi_model or facts.gpu or settings.engine == "tensorflow"
    return 1 if alone or facts.memory < TWO_WORKERS_MEMORY else 2


def _defaults(settings: Settings, variables: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """The variables that suit this server, where the environment does not set them."""
    assert settings.workers, "as plan says"
    alone = settings.threads or facts.cpus
    wanted = variables.get("OMP_NUM_THREADS", "")
    # of libraries that do not know whether other workers compute
    beside = machine.share_of_cpus(facts.cpus, settings.workers, alone)
    defaults = dict.fromkeys(THREADS, wanted or str(beside))
    defaults |= {
        "UNET_THREADS": wanted if DIGITS.fullmatch(wanted) else str(alone),
        "SAGEMAKER_MODEL_SERVER_WORKERS": str(settings.workers),
        "UNET_CACHE_DIR": str(facts.run / "graphs"),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(settings.max_payload_mb),
        # the toolkit raises the limit of requests only; an answer comes with headers around it
        "MMS_MAX_RESPONSE_SIZE": str((settings.max_payload_mb + 1) * MEGABYTE),
        "SAGEMAKER_BASE_DIR": BASE_DIR,
        "TF_CPP_MIN_LOG_LEVEL": "1",  # warnings; otherwise a screen full at each start
    }
    if not settings.timeout_minutes:  # the toolkit's default: 60 minutes
        defaults["SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"] = str(TIMEOUT_SECONDS)
    defaults["UNET_REQUEST_SECONDS"] = f"{REQUEST_SHARE * _timeout_seconds(settings):g}"
    return defaults


def _timeout_seconds(settings: Settings) -> int:
    """After which a worker that has not answered is ended; seconds count before minutes."""
    minutes = settings.timeout_minutes
    return settings.timeout_seconds or (60 * minutes if minutes else TIMEOUT_SECONDS)


def _overrides(settings: Settings, variables: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """The variables that this server needs to be so, whatever the environment sets."""
    modules = _joined(str(facts.inference), str(facts.packages), variables.get("PYTHONPATH", ""))
    overrides = {
        "TMPDIR": str(facts.run),  # of Python, and of MMS's launcher for its pid file
        "TEMP": str(facts.run),  # of MMS, for the sockets and pipes of its workers
        "PATH": _joined(str(facts.scripts), variables.get("PATH", os.defpath)),
        "PYTHONPATH": modules,
        PYTHON_PATH: modules,
        "MMS_BLACKLIST_ENV_VARS": "PYTHONPATH",  # with the model's folder in it: worker.py
        "PYTHONUNBUFFERED": "1",  # what workers print is in the log at once
        "PIP_PREFIX": str(facts.run / "packages"),  # where code/requirements.txt is installed
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # as a file, because MMS's launcher splits them at every blank
        "SAGEMAKER_MODEL_SERVER_VMARGS": _joined(
            variables.get("SAGEMAKER_MODEL_SERVER_VMARGS", ""),
            f"@{facts.java_arguments.name}",
            separator=" ",
        ),
        contract.LOAD_ERRORS: str(facts.load_errors),
        contract.GONE: str(facts.gone),
        contract.PROGRESS: str(facts.progress),
        contract.MULTI_MODEL: "true" if settings.multi_model else "false",
        # ours is WorkerWatch.java's, which is not one of loading
        "MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS": str(NO_TIMEOUT),
    }
    overrides |= _locale(variables)
    if settings.threads:
        overrides |= dict.fromkeys(THREADS, str(settings.threads))
    return overrides


def _locale(variables: Mapping[str, str]) -> dict[str, str]:
    """What Java needs to read names of files that are not in ASCII."""
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    chosen = next((variables[name] for name in names if variables.get(name)), "")
    if "utf" in chosen.lower():
        return {}
    return {"LC_ALL" if "LC_ALL" in variables else "LC_CTYPE": "C.UTF-8"}


def _java_arguments(
    settings: Settings, listening: addresses.Listening, facts: Facts
) -> tuple[str, ...]:
    level = settings.log_level
    return (
        "-XX:MaxRAMPercentage=25",  # of what the cgroup grants: 100 MB both ways take 512 MB
        # it only moves bytes: optimising that would take CPU time from the network
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",  # a file in /tmp, whatever TMPDIR is
        "-XX:+ExitOnOutOfMemoryError",  # MMS would leave requests without an answer for ever
        # bodies are few and large: what holds them is freed at once, not kept in a pool
        "-Dio.netty.allocator.type=unpooled",
        "-Dio.netty.noPreferDirect=true",
        f"-Djava.library.path={facts.mms / contract.NATIVE_LIBRARIES}",
        upstream.server_home(facts.inference),  # worker.py
        f"-D{contract.DRAIN_SECONDS}={settings.drain_seconds}",
        *((f"-D{contract.PORT}={listening.port}",) if listening.port else ()),
        f"-D{contract.TIMEOUT_SECONDS}={_timeout_seconds(settings)}",
        *_documents(settings, facts),
        f"-D{contract.ORIGINS}={','.join(settings.cors_origin)}",
        f"-D{contract.LOG_LEVEL}={log4j_level(level)}",
        # MMS is chatty: what it calls info helps only when debugging
        f"-D{contract.MMS_LOG_LEVEL}={log4j_level(level, quieter=True)}",
        *upstream.main_class(contract.MAIN_CLASS, (facts.mms / contract.JAR, facts.frontend)),
    )


def _documents(settings: Settings, facts: Facts) -> Iterator[str]:
    """The properties that name what Java answers from files."""
    name = "multi-model.json" if settings.multi_model else "single-model.json"
    yield f"-D{contract.DESCRIPTION}={facts.inference / contract.DESCRIPTIONS / name}"
    if settings.page:
        yield f"-D{contract.PAGE}={facts.inference / contract.PAGE_FOLDER}"


def log4j_level(level: int, *, quieter: bool = False) -> str:
    """A level of Python's logging as log4j calls it.

    Args:
        quieter: whether to return the next level instead, which logs less.
    """
    limits = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]
    rank = bisect.bisect_left(limits, level)
    names = ["debug", "info", "warn", "error", "fatal", "off"]
    return names[rank + 1] if quieter else names[rank]


def _summary(variables: Mapping[str, str], facts: Facts) -> str:
    workers = variables["SAGEMAKER_MODEL_SERVER_WORKERS"]
    threads = variables["UNET_THREADS"]
    return (
        f"Starting the model server: workers {workers}, threads of each {threads}, "
        f"CPUs {facts.cpus}, free memory {facts.memory // MEGABYTE} MB."
    )


def _joined(*parts: str, separator: str = os.pathsep) -> str:
    return separator.join(filter(None, parts))
