"""Generates the notebook of the documentation by running its cells and storing their output.

    python scripts/make_notebook.py [docs/how-to/notebook.ipynb]

Needs the extra `docs`. Run it again when the weights or the Python interface change.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REPOSITORY = Path(__file__).resolve().parents[1]

CELLS = [
    """# In a notebook

One clip after the other, looked at closely. The two clips come with the project: a public-domain portrait set in motion, and the same with
a low-tech face swap. This page is a notebook; `docs/how-to/notebook.ipynb` in the repository.""",
    """>import screener

verdict = screener.scan("examples/manipulated.mp4")
verdict""",
    """Each person has a verdict of their own, with the stretches in which they look fake. `threshold` and `genuine_below` are those of the
operating point.""",
    """>for person in verdict.people:
    print(person.track_id, person.outcome, round(person.p_fake, 2), [(s.start_seconds, s.end_seconds) for s in person.segments])
print("fake from", round(verdict.threshold, 3), "genuine below", round(verdict.operating_point["genuine_below"], 3))""",
    """The judged faces, one row each, for pandas:""",
    """>scores = verdict.to_dataframe()
scores[["seconds", "track_id", "p_fake", "confidence", "sharpness"]].head()""",
    """## Several clips, models loaded once

A `Screener` holds the models. `on_progress` is told how far a scan is; what it raises calls the scan off.""",
    """>import matplotlib.pyplot as plt

judge = screener.Screener(screener.ScanSettings(frames=16))
figure, axes = plt.subplots(figsize=(7, 2.6))
for name in ("genuine", "manipulated"):
    found = judge.scan(f"examples/{name}.mp4")
    rows = found.to_dataframe()
    axes.plot(rows.seconds, rows.p_fake, "o-", ms=3, label=f"{name}: {found.outcome}")
axes.axhline(found.threshold, color="0.5", ls="--", lw=1)
axes.set(xlabel="seconds", ylabel="p_fake", ylim=(0, 1))
axes.legend(frameon=False);""",
    """>class Cancelled(Exception):
    pass


def at_most_eight(frames, expected):
    if frames >= 8:
        raise Cancelled(f"after {frames} of {expected}")


try:
    judge.scan("examples/genuine.mp4", on_progress=at_most_eight)
except Cancelled as reason:
    print("called off", reason)""",
    """## Pictures in memory

Any `(H, W, 3)` arrays, RGB and upright. Here every third frame of a clip, as OpenCV reads it.""",
    """>import cv2

video = cv2.VideoCapture("examples/genuine.mp4")
frames = []
while (read := video.read())[0]:
    frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
judge.scan_frames(frames[::3], fps=video.get(cv2.CAP_PROP_FPS) / 3)""",
    """## What cannot be judged has its reason

Nothing is raised for a bad input, and no score is made up.""",
    """>nothing = judge.scan("pyproject.toml")
nothing.outcome, nothing.p_fake, nothing.coverage, nothing.reasons""",
]
"""Text, or code where it begins with `>`."""


def notebook() -> nbformat.NotebookNode:
    """The cells, not run yet."""
    cells = [
        new_code_cell(cell[1:], id=f"cell-{number}") if cell.startswith(">") else new_markdown_cell(cell, id=f"cell-{number}")
        for number, cell in enumerate(CELLS)
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, nargs="?", default=REPOSITORY / "docs" / "how-to" / "notebook.ipynb")
    target: Path = parser.parse_args().target
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = folder
        made = notebook()
        NotebookClient(made, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(REPOSITORY)}}).execute()
    for cell in made.cells:
        cell.metadata.clear()  # when each cell ran is of no use to a reader, and differs each time
    made.metadata.language_info = {"name": "python"}
    text = nbformat.writes(made)
    if place := re.search(re.escape(str(REPOSITORY)), text):
        sys.exit(f"a place on this machine is in it, at character {place.start()}")
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{target}: {len(text) / 1024:.0f} KiB, {sum(cell.cell_type == 'code' for cell in made.cells)} cells run")


if __name__ == "__main__":
    main()
