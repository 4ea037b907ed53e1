"""What our Java classes and log4j2.xml need of multi-model-server (MMS): each test is named by it.

The class files of MMS are read by ``javap``, which comes with the compiler that ``build.sh`` runs.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

from lib.server import ENTRYPOINT
from serving import contract, upstream

MMS = upstream.frontend_jar().parent.parent
NAMES = "com.amazonaws.ml.mms"
LOG_CONFIGURATION = ElementTree.parse(ENTRYPOINT.parent / "mms" / contract.LOG_CONFIGURATION)
CLASSES = [
    f"{NAMES}.ModelServer",
    f"{NAMES}.ServerInitializer",
    f"{NAMES}.http.ErrorResponse",
    f"{NAMES}.servingsdk.impl.PluginsManager",
    f"{NAMES}.util.ConfigManager",
    f"{NAMES}.util.ConfigManager$Arguments",
    f"{NAMES}.util.ConnectorType",
    f"{NAMES}.util.JsonUtils",
    f"{NAMES}.util.NettyUtils",
    f"{NAMES}.util.ServerGroups",
    f"{NAMES}.wlm.Job",
    f"{NAMES}.wlm.Model",
    f"{NAMES}.wlm.ModelManager",
    f"{NAMES}.wlm.WorkerLifeCycle",
    f"{NAMES}.wlm.WorkerLifeCycle$ReaderThread",
    f"{NAMES}.wlm.WorkerState",
    f"{NAMES}.wlm.WorkerThread",
    "software.amazon.ai.mms.servingsdk.ModelServerEndpoint",
]


@pytest.fixture(scope="module")
def class_files() -> dict[str, str]:
    """Members and code of MMS's classes, by the name of the class without its package."""
    home = os.environ.get("JAVA_HOME")
    javap = f"{home}/bin/javap" if home else shutil.which("javap")
    output = subprocess.run(
        [javap, "-p", "-c", "-cp", upstream.frontend_jar(), *CLASSES],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    texts = output.split("Compiled from ")[1:]
    return {name.rpartition(".")[2]: text for name, text in zip(CLASSES, texts, strict=True)}


def test_the_jar_is_in_the_package():
    assert upstream.frontend_jar().is_file()


@pytest.mark.parametrize("machine", ["x86_64", "aarch_64"])
def test_the_library_for_unix_sockets_is_in_the_jar(machine):
    with zipfile.ZipFile(upstream.frontend_jar()) as jar:
        names = jar.namelist()
    assert f"META-INF/native/libnetty_transport_native_epoll_{machine}.so" in names


# --- classes of MMS that ours extend or call


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("ModelServer", f"public {NAMES}.ModelServer({NAMES}.util.ConfigManager)"),
        ("ModelServer", "public void startAndWait()"),
        ("ModelServer", "public java.util.List<io.netty.channel.ChannelFuture> start()"),
        (
            "ModelServer",
            f"public io.netty.channel.ChannelFuture initializeServer({NAMES}.util.Connector, "
            f"io.netty.channel.EventLoopGroup, io.netty.channel.EventLoopGroup, "
            f"{NAMES}.util.ConnectorType)",
        ),
        ("ServerInitializer", "public void initChannel(io.netty.channel.Channel)"),
        ("ErrorResponse", f"{NAMES}.http.ErrorResponse(int, java.lang.String, java.lang.String)"),
        ("PluginsManager", f"public static {NAMES}.servingsdk.impl.PluginsManager getInstance()"),
        ("PluginsManager", "public void initialize()"),
        ("ConfigManager", f"public static void init({NAMES}.util.ConfigManager$Arguments)"),
        ("ConfigManager", f"public static {NAMES}.util.ConfigManager getInstance()"),
        ("ConfigManager", "public int getMaxRequestSize()"),
        ("ConfigManager", "public int getDefaultWorkers()"),
        ("ConfigManager$Arguments", "public static org.apache.commons.cli.Options getOptions()"),
        ("ConnectorType", f"{NAMES}.util.ConnectorType INFERENCE_CONNECTOR"),
        ("ConnectorType", f"{NAMES}.util.ConnectorType BOTH"),
        ("JsonUtils", "com.google.gson.Gson GSON_PRETTY"),
        ("Model", f"public {NAMES}.wlm.WorkerThread getServerThread()"),
        ("ModelManager", f"public static {NAMES}.wlm.ModelManager getInstance()"),
        ("ModelManager", "public java.util.Set<java.lang.String> getStartupModels()"),
        ("ModelManager", f"<java.lang.String, {NAMES}.wlm.Model> getModels()"),
        ("ModelManager", f"<{NAMES}.wlm.WorkerThread> getWorkers(java.lang.String)"),
        ("ModelManager", "HttpResponseStatus unregisterModel(java.lang.String)"),
        ("WorkerThread", f"public {NAMES}.wlm.WorkerState getState()"),
        ("WorkerThread", f"public {NAMES}.wlm.WorkerLifeCycle getLifeCycle()"),
        ("WorkerThread", "public int getPid()"),
        ("WorkerThread", "public void run()"),
        ("WorkerLifeCycle", "public java.lang.Process getProcess()"),
        ("WorkerState", f"{NAMES}.wlm.WorkerState WORKER_MODEL_LOADED"),
        ("WorkerState", f"{NAMES}.wlm.WorkerState WORKER_STOPPED"),
        ("ModelServerEndpoint", "public void doGet("),
        # by reflection, in WorkerConnections.java and Waiting.java
        ("ModelServer", f"private {NAMES}.util.ServerGroups serverGroups"),
        ("ServerGroups", "private io.netty.channel.EventLoopGroup backendGroup"),
        ("Model", f"<{NAMES}.wlm.Job>> jobsDb"),
        ("Job", "public java.lang.String getJobId()"),
        ("NettyUtils", "java.lang.String getRequestId(io.netty.channel.Channel)"),
    ],
)
def test_a_member_that_our_classes_use_is_there(class_files, name, member):
    assert member in class_files[name]


@pytest.mark.parametrize(
    ("name", "text", "purpose"),
    [
        ("ServerInitializer", "http", "the handler that ours is added after"),
        ("NettyUtils", "x-request-id", "the header that tells the id of a request"),
        ("ConfigManager", "MMS_", "how MMS_MANAGEMENT_ADDRESS and MMS_MAX_RESPONSE_SIZE begin"),
        ("ConfigManager", "enable_envvars_config", "what lets such variables count"),
        ("ConfigManager", "management_address", "the first of them"),
        ("ConfigManager", "max_response_size", "the second of them"),
        ("ConfigManager", "default_response_timeout_seconds", "the third of them"),
        ("WorkerThread", "[PID]:", "what an answer says before the number of a process"),
        ("NettyUtils", "ACCESS_LOG", "a logger that log4j2.xml turns off"),
        ("NettyUtils", "MMS_METRICS", "a logger that log4j2.xml turns off"),
        ("WorkerLifeCycle$ReaderThread", "MODEL_METRICS", "a logger that log4j2.xml turns off"),
        ("WorkerLifeCycle", "mms/model_service_worker.py", "the program of a worker"),
    ],
)
def test_a_name_that_we_rely_on_is_in_the_code(class_files, name, text, purpose):
    assert re.search(rf"// String {re.escape(text)}$", class_files[name], re.MULTILINE), purpose


def test_the_lines_of_workers_are_logged_by_worker_life_cycle(class_files):
    loggers = {element.attrib["name"] for element in LOG_CONFIGURATION.iter("Logger")}
    assert f"{NAMES}.wlm.WorkerLifeCycle" in loggers
    get_logger = r"// class com/amazonaws/ml/mms/wlm/WorkerLifeCycle\n.*LoggerFactory\.getLogger"
    assert re.search(get_logger, class_files["WorkerLifeCycle"])
    reader = class_files["WorkerLifeCycle$ReaderThread"]
    assert "Field com/amazonaws/ml/mms/wlm/WorkerLifeCycle.logger:" in reader


# The lines that log4j2.xml drops, and where they come from.
DROPPED = {
    "model_service_worker started": "model_service_worker.py",
    "Listening on port": "model_service_worker.py",
    r"\[PID\] \d": "model_service_worker.py",
    "MMS worker started": "model_service_worker.py",
    "Python runtime: ": "model_service_worker.py",
    "Connection accepted": "model_service_worker.py",
    "Model .* loaded io_fd=": "model_service_worker.py",
    "Frontend disconnected": "protocol/otf_message_handler.py",
    r"attachIOStreams\(": "WorkerLifeCycle",
    r"terminateIOStreams\(": "WorkerLifeCycle",
    "Stopped Scanner": "WorkerLifeCycle$ReaderThread",
    "Couldn't create scanner": "WorkerLifeCycle$ReaderThread",
}
OF_TENSORFLOW = {
    "WARNING: All log messages before absl::InitializeLog",
    "I0000 .*oneDNN custom operations are on",
}


def test_each_line_that_the_log_drops_is_listed_above():
    [expression] = (element.attrib["regex"] for element in LOG_CONFIGURATION.iter("RegexFilter"))
    alternatives = expression.removeprefix("(").removesuffix(").*").split("|")
    assert set(alternatives) == {*DROPPED, *OF_TENSORFLOW}


@pytest.mark.parametrize("expression", DROPPED)
def test_a_line_that_the_log_drops_is_written_by_mms(class_files, expression):
    place = DROPPED[expression]
    source = (MMS / place).read_text() if place.endswith(".py") else class_files[place]
    # the formats of Python's logging, and javap's escapes
    text = source.replace("%d", "7").replace(r"\'", "'")
    assert re.search(expression, text)


def test_the_program_of_workers_lies_where_a_property_says(class_files):
    """``upstream.server_home``; and the model's folder is among its arguments: ``worker.py``."""
    assert "String model_server_home" in class_files["ConfigManager"]
    started = class_files["WorkerLifeCycle"]
    for said in ("ConfigManager.getModelServerHome", "mms/model_service_worker.py", "--model-path"):
        assert said in started
