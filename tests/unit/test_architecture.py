"""What the tree promises: the direction of imports, what each room knows, and sizes to read."""

import ast
import graphlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFERENCE = ROOT / "inference"
MAX_LINES = 300
MAX_FUNCTION_LINES = 50

# Each room imports itself and what is named here; nothing else of the project.
ROOMS = {
    "entrypoint": {"serving", "segmentation.errors"},
    "handler_service": {"inference_handler", "serving", "segmentation"},
    "inference_handler": {"served_models", "serving", "segmentation"},
    "served_models": {"serving", "segmentation"},
    "serving": {"segmentation.errors", "segmentation.machine"},
    "mms": {"serving"},
    "segmentation.testing": {"handler_service", "segmentation"},
    "segmentation.running": {
        "segmentation.channels",
        "segmentation.bioimageio",
        "segmentation.artifacts",
        "segmentation.depth",
        "segmentation.networks",
        "segmentation.answers",
        "segmentation.spec",
        "segmentation.spec_entries",
        "segmentation.preprocessing",
        "segmentation.images",
        "segmentation.errors",
        "segmentation.machine",
    },
    "segmentation.wire": {
        "segmentation.answers",
        "segmentation.components",
        "segmentation.drawing",
        "segmentation.polygons",
        "segmentation.images",
        "segmentation.channels",
        "segmentation.depth",
        "segmentation.calibration",
        "segmentation.errors",
        "segmentation.machine",
    },
    "segmentation.bioimageio": {"segmentation.folders", "segmentation.errors"},
    "segmentation.folders": {"segmentation.errors"},
    "segmentation.artifacts": {
        "segmentation.folders",
        "segmentation.bioimageio",
        "segmentation.networks",
        "segmentation.spec",
        "segmentation.errors",
        "segmentation.machine",
    },
    "segmentation.networks": {
        "segmentation.folders",
        "segmentation.spec",
        "segmentation.spec_entries",
        "segmentation.preprocessing",
        "segmentation.images",
        "segmentation.errors",
        "segmentation.machine",
    },
    "segmentation.answers": {
        "segmentation.answer",
        "segmentation.prediction",
        "segmentation.components",
        "segmentation.drawing",
        "segmentation.spec",
        "segmentation.images",
        "segmentation.errors",
    },
    "segmentation.answer": {"segmentation.drawing", "segmentation.spec", "segmentation.images"},
    "segmentation.prediction": {
        "segmentation.array_like",
        "segmentation.answer",
        "segmentation.drawing",
        "segmentation.images",
    },
    "segmentation.components": {"segmentation.errors", "segmentation.machine"},
    "segmentation.polygons": {"segmentation.components"},
    "segmentation.drawing": set(),
    "segmentation.spec": {
        "segmentation.spec_entries",
        "segmentation.folders",
        "segmentation.bioimageio",
        "segmentation.depth",
        "segmentation.preprocessing",
        "segmentation.errors",
    },
    "segmentation.spec_entries": {
        "segmentation.bioimageio",
        "segmentation.depth",
        "segmentation.preprocessing",
        "segmentation.errors",
    },
    "segmentation.preprocessing": {"segmentation.depth", "segmentation.images"},
    "segmentation.images": {
        "segmentation.array_like",
        "segmentation.calibration",
        "segmentation.channels",
        "segmentation.depth",
        "segmentation.errors",
        "segmentation.machine",
    },
    "segmentation.channels": {"segmentation.errors"},
    "segmentation.calibration": set(),
    "segmentation.depth": {"segmentation.errors"},
    "segmentation.array_like": set(),
    "segmentation.machine": set(),
    "segmentation.errors": set(),
    "segmentation": set(),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(INFERENCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in INFERENCE.rglob("*.py")}


def imports_of(name: str) -> set[str]:
    """The modules of the project that a module imports, also within functions."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            base = importlib.util.resolve_name(dots + (node.module or ""), package)
            submodules = {f"{base}.{alias.name}" for alias in node.names}
            found |= submodules & MODULES.keys() or {base}
    return found & MODULES.keys()


def room_of(name: str) -> str:
    """The longest room that a module lies in."""
    candidates = [room for room in ROOMS if f"{name}.".startswith(f"{room}.")]
    assert candidates, f"{name} lies in no room; name it in ROOMS"
    return max(candidates, key=len)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name):
    room = room_of(name)
    allowed = {*ROOMS[room], room}
    for imported in imports_of(name):
        inside = any(f"{imported}.".startswith(f"{other}.") for other in allowed)
        assert inside, f"{name} imports {imported}; {room} may import {sorted(allowed)}"


def test_no_module_imports_itself_by_a_detour():
    graph = {name: imports_of(name) - {name} for name in MODULES}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


def test_the_graph_is_seen():
    """A test of these tests: imports that are known to exist are found."""
    assert "segmentation.running.segmenter" in imports_of("segmentation.running.predict")
    assert "segmentation.networks.tensorflow" not in imports_of("segmentation.networks.tune")
    assert "handler_service" in imports_of("segmentation.testing")
    assert "segmentation.errors" in imports_of("segmentation.networks.network")


OUTSIDE = {
    "environment variable": r"UNET_[A-Z]|SAGEMAKER_|MMS_[A-Z]|os\.environ\[|getenv",
    "HTTP status": r"HTTPStatus|\b(400|404|406|413|415|500|503|507)\b(?! << 20|  # characters)",
    "header of SageMaker": r"(?i)x-amzn",
    "server": r"\bsagemaker_inference\b",
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_segmentation_knows_nothing_of_the_server(what):
    for name, path in MODULES.items():
        if name.startswith("segmentation") and name != "segmentation.testing":
            found = re.search(OUTSIDE[what], path.read_text())
            assert not found, f"{path} names a {what}: {found and found[0]}"


def sources() -> Iterator[Path]:
    for folder in ("inference", "scripts", "benchmark"):
        for suffix in ("py", "java", "sh"):
            yield from (ROOT / folder).rglob(f"*.{suffix}")


@pytest.mark.parametrize("path", sorted(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_at_one_sitting(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    "path",
    sorted(p for p in sources() if p.suffix == ".py"),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_a_function_can_be_seen_whole(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{path}: {node.name} has {lines} lines"


def test_paths_are_not_patched():
    patched = re.compile(r"sys\.path(\[|\.(insert|append|extend)|\s*=)")
    allowed = {
        INFERENCE / "mms" / "model_service_worker.py",  # is run without PYTHONPATH
        INFERENCE / "serving" / "upstream.py",
        INFERENCE / "segmentation" / "testing.py",
        ROOT / "scripts" / "in_venv.py",  # before setup.sh has put the folders there
    }
    found = {
        path.resolve()
        for path in sources()
        if path.suffix == ".py" and patched.search(path.read_text())
    }
    assert found <= allowed
