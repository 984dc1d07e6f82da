"""Imports point down: a module may import only from those below it."""

import ast
from pathlib import Path

import pytest

import deltaflow

PACKAGE = Path(deltaflow.__file__).parent

# From the top down. A module may import modules further down, or its own package.
ORDER = (
    "lessons",
    "claims",
    "benchmark",
    "trial",
    "labelled",
    "theory",
    "reporting",
    "api",
    "__main__",
    "cli",
    "flags",
    "sweep",
    "extent",
    "resumption",
    "sweep_directory",
    "composition",
    "registration",
    "names",
    "experiment",
    "conclusion",
    "ending",
    "hyperparameters",
    "identity",
    "messages",
    "mistakes",
    "misfits",
    "assembly",
    "training",
    "blueprint",
    "options",
    "parts",
    "config",
    "provenance",
    "run",
    "checkpoint",
    "report",
    "worker",
    "liveness",
    "module",
    "contracts",
    "callbacks",
    "verdicts",
    "overlay",
    "flow",
    "network",
    "layers",
    "mean_field",
    "data",
    "objectives",
    "initializers",
    "statistics",
    "profiles",
    "records",
    "interruption",
    "signatures",
    "causes",
    "surroundings",
    "isolation",
    "memory",
    "quotation",
    "activations",
    "random_streams",
    "task",
)
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
KNOWS_CONFIG = set(ORDER[: ORDER.index("config") + 1])


def _unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def _units_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in _imported(path)]
    return {p[1] for p in parts if p[0] == "deltaflow" and len(p) > 1 and p[1] in ORDER}


def test_every_module_has_its_place():
    assert {_unit(path) for path in MODULES} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    place = ORDER.index(_unit(path))
    upwards = {unit for unit in _units_imported(path) if ORDER.index(unit) < place}
    assert not upwards, f"{_unit(path)} stands below {upwards}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_top_knows_configurations(path):
    foreign = {name.split(".")[0] for name in _imported(path)} & {"hydra", "omegaconf"}
    assert not foreign or _unit(path) in KNOWS_CONFIG


@pytest.mark.parametrize("unit", ["statistics", "activations", "network", "flow", "initializers"])
def test_the_kernels_know_no_trainer(unit):
    assert not {name for name in _imported(PACKAGE / f"{unit}.py") if name.startswith("lightning")}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_tells_one_story(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
