"""The house: a dozen rooms on floors, and imports that point down."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import deltaflow

PACKAGE = Path(deltaflow.__file__).parent

# From the top down. A module imports from its own room and from the floors below it.
FLOORS = (
    ("__main__",),
    ("sklearn",),
    ("commands",),
    ("live_page", "sweep", "watching"),
    ("experiment",),
    ("page", "figures", "terminal"),
    ("comparison", "verdicts"),
    ("training",),
    ("theory",),
    ("flow", "data"),
    ("records", "config", "nn"),
    ("system",),
)
# Rooms of which the others import nothing but what stands in `__init__`.
DOORS = ("data", "page", "watching", "records", "theory")
FLOOR = {room: len(FLOORS) - n for n, rooms in enumerate(FLOORS) for room in rooms}
KNOWS_CONFIG = {room for room, floor in FLOOR.items() if floor >= FLOOR["experiment"]} | {"config"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path) for path in MODULES}


def _room(name: str) -> str:
    return name.partition(".")[0]


def _imported(path: Path) -> set[str]:
    """What a file imports, wherever in the file: modules, and what is taken from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def _modules_imported(path: Path) -> set[str]:
    names = {name.removeprefix("deltaflow.") for name in _imported(path)} & NAMES
    submodules = {name for name in names if any(other.startswith(f"{name}.") for other in names)}
    return names - submodules - {_name(path)}


def test_every_module_is_in_a_room():
    assert {_room(name) for name in NAMES} == set(FLOOR)


def test_imports_point_down():
    edges = {(_name(path), name) for path in MODULES for name in _modules_imported(path)}
    assert not {
        (upper, lower)
        for upper, lower in edges
        if _room(upper) != _room(lower) and FLOOR[_room(lower)] >= FLOOR[_room(upper)]
    }


@pytest.mark.parametrize("room", DOORS)
def test_a_room_is_entered_by_its_door(room):
    handed_out = {f"{room}.{name}" for name in import_module(f"deltaflow.{room}").__all__}
    inside = {name for name in NAMES if name.startswith(f"{room}.")} - handed_out
    upper = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] != room]
    scripts = (PACKAGE.parents[1] / "scripts").rglob("*.py")
    assert not {
        (str(path), name)
        for path in (*upper, *scripts)
        for name in inside & {name.removeprefix("deltaflow.") for name in _imported(path)}
    }


def test_what_begins_with_an_underscore_stays_in_its_file():
    scripts = (PACKAGE.parents[1] / "scripts").rglob("*.py")
    names = {(str(path), name) for path in (*MODULES, *scripts) for name in _imported(path)}
    assert not {(p, name) for p, name in names if re.match(r"deltaflow\..*\._[^_]", name)}


def test_no_file_needs_one_that_needs_it():
    try:
        TopologicalSorter({_name(path): _modules_imported(path) for path in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {error.args[1]}")


def test_only_the_top_knows_configurations():
    foreign = {"hydra", "omegaconf"}
    knowing = {
        _name(path)
        for path in MODULES
        if foreign & {name.split(".")[0] for name in _imported(path)}
    }
    assert {_room(name) for name in knowing} <= KNOWS_CONFIG, knowing


@pytest.mark.parametrize("room", ["nn", "flow", "theory", "verdicts", "comparison", "records"])
def test_below_training_nobody_knows_a_trainer(room):
    files = (PACKAGE / room).rglob("*.py")
    assert not [f for f in files if any(n.startswith("lightning") for n in _imported(f))]


def test_a_module_tells_one_story():
    assert not [p for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > 250]


def test_a_room_says_what_it_is_for():
    heads = [path for path in MODULES if path.name == "__init__.py" or path.parent == PACKAGE]
    assert not [p for p in heads if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]


def test_what_is_said_to_users_is_an_error_of_its_own_kind():
    """Not any ``ValueError`` with the right words in it: those of libraries are no messages."""
    scripts = PACKAGE.parents[1] / "scripts"
    plain = []
    for path in [*MODULES, *scripts.rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ValueError":
                said = ast.get_source_segment(source, node) or ""
                plain += [f"{path}, line {node.lineno}"] if "Found" in said else []
    assert not plain
