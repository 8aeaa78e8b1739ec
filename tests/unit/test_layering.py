"""Who may know whom. Read from the source, so that a forbidden import fails here before it grows roots."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import screener

ROOT = Path(screener.__file__).parent

BASE = {"records", "errors", "settings"}
"""What every stage may know."""

KNOWS: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "runtime": set(),
    "settings": {"errors"},
    "model": set(),
    "checkpoint": BASE | {"model"},
    "scoring": BASE | {"model", "runtime"},
    "report": BASE | {"runtime"},
    "journal": BASE | {"runtime", "report", "video"},
    "datasets": BASE | {"video"},
    "__main__": {"cli"},
}
"""What a part may know of the others; a stage that is not named here knows BASE."""

ASSEMBLERS = {"scanning", "watching", "doctor", "training", "evaluation", "bench", "export"}
"""The parts that put stages together."""

TOP = {"__init__", "cli"}
"""The public names and the command line know everyone."""

MAKING = {"training", "evaluation", "datasets"}
"""What scanning must never load."""

MAY_MAKE = MAKING | {"cli", "__init__"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    """`screener/video/files.py` and `screener/video/__init__.py` -> video; `screener/records.py` -> records."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[str]:
    """Every module or name that is imported, dotted and absolute, anywhere in the file."""
    package = ["screener", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parts_imported(path: Path, tree: ast.AST) -> set[str]:
    """Parts of screener that a file imports, its own left out."""
    own = part_of(path)
    names = {name for name in imports(tree, path) if name.startswith("screener.")}
    return {name.split(".")[1] for name in names} - {own}


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def forbidden(part: str, imported: set[str]) -> set[str]:
    if part in TOP:
        return set()
    if part in ASSEMBLERS:
        beyond = {"cli", "__init__"} | (set() if part in MAKING else MAKING)
        return imported & beyond
    return imported - KNOWS.get(part, BASE)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def used(tree: ast.AST) -> set[str]:
    """Every name and dotted name in the code, not in comments or texts."""
    return {dotted(node) for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))}


PATHS = pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())


@PATHS
def test_one_direction(path: Path) -> None:
    part = part_of(path)
    found = forbidden(part, parts_imported(path, read(path)))
    assert not found, f"{part} must not know {', '.join(sorted(found))}"


@PATHS
def test_nothing_imports_the_command_line(path: Path) -> None:
    if part_of(path) != "__main__":
        assert "cli" not in parts_imported(path, read(path))


@PATHS
def test_scanning_loads_neither_training_nor_evaluation(path: Path) -> None:
    if part_of(path) not in MAY_MAKE:
        assert not parts_imported(path, read(path)) & MAKING


@PATHS
def test_libraries_with_one_owner(path: Path) -> None:
    tree = read(path)
    part, tops = part_of(path), {name.split(".")[0] for name in imports(tree, path)}
    names = used(tree) | set(imports(tree, path))
    if part != "faces":
        assert "facenet_pytorch" not in tops
    if part not in ("video", "encoding", "doctor"):
        assert "av" not in tops
    if part != "video":
        assert "cv2.VideoCapture" not in names
    if part in ("records", "errors", "settings", "verdict", "tracking", "report", "video"):
        assert "torch" not in tops
    if part == "records":
        assert "cv2" not in tops


@PATHS
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if part_of(path) == "cli":
        return
    tree = read(path)
    names = used(tree) | set(imports(tree, path))
    assert not names & {"print", "input", "exit", "quit", "SystemExit", "sys.exit", "sys.stdout", "sys.stdin", "sys.__stdout__"}


@PATHS
def test_files_stay_readable(path: Path) -> None:
    tree = read(path)
    assert ast.get_docstring(tree) or not tree.body, "a module opens by saying what it does"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330


def test_names_that_say_nothing_are_not_used() -> None:
    stems = {path.stem for path in modules()}
    assert not stems & {"utils", "util", "helpers", "misc", "common", "process"}


def test_the_parts_named_here_exist() -> None:
    """A renamed part must not slip through because its rule still carries the old name."""
    parts = {part_of(path) for path in modules()}
    assert parts >= set(KNOWS)


# The reader of imports itself, on files that break the rules.


@pytest.mark.parametrize(
    ("code", "place", "imported"),
    [
        ("from screener.cli import main", "faces/area.py", {"cli"}),
        ("from screener import cli", "faces/area.py", {"cli"}),
        ("import screener.training.pairs as p", "scanning/rounds.py", {"training"}),
        ("def f():\n    from screener.evaluation import metrics", "scanning/rounds.py", {"evaluation"}),
        ("from .. import cli", "faces/area.py", {"cli"}),
        ("from .. import scoring", "video/files.py", {"scoring"}),
        ("from ..verdict import pool_mean", "video/files.py", {"verdict"}),
        ("from .geometry import squared\nimport numpy", "video/files.py", set()),
        ("text = 'from screener.cli import main'", "faces/area.py", set()),
    ],
)
def test_the_reader_of_imports_sees_them_all(code: str, place: str, imported: set[str]) -> None:
    assert parts_imported(ROOT / place, ast.parse(code)) == imported


def test_the_rules_forbid_what_they_should() -> None:
    assert forbidden("faces", {"verdict", "records"}) == {"verdict"}
    assert forbidden("verdict", {"scoring"}) == {"scoring"}
    assert forbidden("scanning", {"training", "scoring", "cli"}) == {"training", "cli"}
    assert forbidden("training", {"evaluation", "scoring"}) == set()
    assert forbidden("a_new_stage", {"records", "scanning"}) == {"scanning"}
    assert used(ast.parse("import cv2\ncv2.VideoCapture(0)\nsys.stdout.write('print')")) >= {"cv2.VideoCapture", "sys.stdout"}
    assert "print" not in used(ast.parse("'print'"))
