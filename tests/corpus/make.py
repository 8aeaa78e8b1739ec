"""Writes the corpus into a folder.

python tests/corpus/make.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "integration")]

from corpus.damaged import DAMAGED
from corpus.strange import ADDRESSES, STRANGE
from corpus.whole import CLIPS, PICTURES

INPUTS = {**CLIPS, **PICTURES, **DAMAGED, **STRANGE}


def make_corpus(folder: Path) -> list[str]:
    """Make every input below `folder`; their names, and the addresses, as the command is given them from within it."""
    for name, make in INPUTS.items():
        path = folder / name
        if not (folder / Path(name).parts[0]).is_dir():
            (folder / Path(name).parts[0]).mkdir()
        make(path)
    return [*INPUTS, *ADDRESSES]


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]))
