"""The notebook of the documentation matches its script."""

from __future__ import annotations

import ast
import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_notebook_was_made_from_the_cells_of_the_script_and_has_run() -> None:
    parsed = ast.parse((REPOSITORY / "scripts" / "make_notebook.py").read_text(encoding="utf-8"))
    (cells,) = [
        ast.literal_eval(node.value) for node in parsed.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CELLS"
    ]
    kept = json.loads((REPOSITORY / "docs" / "how-to" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    marks = {"code": ">", "markdown": ""}
    assert [marks[cell["cell_type"]] + "".join(cell["source"]) for cell in kept] == cells
    assert all(cell["outputs"] for cell in kept if cell["cell_type"] == "code")
    assert not any(output["output_type"] == "error" for cell in kept for output in cell.get("outputs", ()))
