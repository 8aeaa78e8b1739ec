"""The pictures drawn by decoders, as files beside a run: a folder per decoder, with an index once it is complete.

Knows files and faces. Does not know how the pictures are made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from screener.training.labelled_pictures import LabelledFace

WHOLE_PICTURES = "autoencoder"
"""Prefix of the names of decoders that draw the whole picture and not only the face."""

INDEX = "index.json"
"""File that maps the name of a face to the name of the file with its copy."""


def finished_decoders(folder: Path) -> list[str]:
    """Names of the decoders whose folder is complete."""
    return sorted(index.parent.name for index in folder.glob(f"*/{INDEX}"))


def decoded_pairs(folder: Path, faces: Sequence[LabelledFace]) -> list[tuple[LabelledFace, LabelledFace]]:
    """The real faces among `faces` with their copies; `method` of a copy is the name of its decoder."""
    by_name = {face.name: face for face in faces if face.label == "real"}
    pairs = []
    for kind in finished_decoders(folder):
        for name, file in json.loads((folder / kind / INDEX).read_text(encoding="utf-8")).items():
            if (face := by_name.get(name)) is not None:
                pairs.append((face, replace(face, label="fake", source=folder / kind / file, method=kind)))
    return pairs
