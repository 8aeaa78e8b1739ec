"""What holds for every source file and no linter says: who may print, who may open a video, and that files stay readable.

Which room may know which is the import linter's business; see `tool.importlinter` in pyproject.toml.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import screener

ROOT = Path(screener.__file__).parent
SAY_NOTHING = {"utils", "util", "helpers", "misc", "common", "process"}
LONGEST_FILE = 330


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    """`screener/video/sampling.py` -> video; `screener/records.py` -> records."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module or name that is imported, dotted, anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def used(tree: ast.AST) -> set[str]:
    """Every name and dotted name in the code, imports included, not in comments or texts."""
    return {dotted(node) for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))} | set(imports(tree))


@cache
def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


PATHS = pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())


@PATHS
def test_things_with_one_owner(path: Path) -> None:
    names, room = used(read(path)), room_of(path)
    if room != "video":
        assert "cv2.VideoCapture" not in names
    # A source of weights, and what the tests hold the detector against; nothing that users install.
    assert not {name for name in names if name.split(".")[0] == "facenet_pytorch"}
    if room != "cli":
        assert not names & {"print", "input", "exit", "quit", "SystemExit", "sys.exit", "sys.stdout", "sys.stdin", "sys.__stdout__"}


@PATHS
def test_files_stay_readable(path: Path) -> None:
    tree = read(path)
    assert ast.get_docstring(tree) or not tree.body, "a module opens by saying what it does"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)), "imports are absolute"


def test_names_that_say_nothing_are_not_used() -> None:
    assert not {path.stem for path in modules()} & SAY_NOTHING


def test_the_reader_of_names_sees_them_all() -> None:
    code = "import cv2\nfrom sys import exit\ncv2.VideoCapture(0)\nsys.stdout.write('print')\ndef f():\n    import facenet_pytorch.models"
    assert used(ast.parse(code)) >= {"cv2.VideoCapture", "sys.stdout", "sys.exit", "facenet_pytorch.models"}
    assert "print" not in used(ast.parse("'print'"))
