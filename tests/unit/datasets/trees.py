"""Miniature data sets in each layout; the files in them are empty, for no layout looks inside."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def touch(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def write_json(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def faceforensics(root: Path, lists: str = "") -> Path:
    """Six originals in three pairs, one pair in each split; two of the methods, in two compressions, and actors' videos beside them."""
    pairs = {"train.json": [["000", "003"]], "val.json": [["001", "004"]], "test.json": [["005", "002"]]}
    names = []
    for compression in ("c23", "c40"):
        names += [f"original_sequences/youtube/{compression}/videos/00{i}.mp4" for i in range(6)]
        for a, b in (pair for listed in pairs.values() for pair in listed):
            for method in ("Deepfakes", "FaceShifter"):
                names += [f"manipulated_sequences/{method}/{compression}/videos/{x}_{y}.mp4" for x, y in ((a, b), (b, a))]
    names += ["original_sequences/actors/c23/videos/01__walk.mp4", "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walk__X.mp4"]
    touch(root, names)
    for name, listed in pairs.items():
        write_json(root / lists / name, listed)
    return root


def celeb_df(root: Path, people: int = 3) -> Path:
    """Two clips of each celebrity, one swap of each with every other, three clips of others; three clips are listed for testing."""
    touch(root, [f"Celeb-real/id{person}_000{clip}.mp4" for person in range(people) for clip in range(2)])
    touch(root, [f"YouTube-real/0000{clip}.mp4" for clip in range(3)])
    touch(root, [f"Celeb-synthesis/id{a}_id{b}_0000.mp4" for a in range(people) for b in range(people) if a != b])
    lines = ["1 YouTube-real/00002.mp4", "1 Celeb-real/id2_0001.mp4", "0 Celeb-synthesis/id2_id0_0000.mp4"]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def dfdc(root: Path) -> Path:
    for part, (real, fake) in {"dfdc_train_part_00": ("aaa.mp4", "bbb.mp4"), "dfdc_train_part_01": ("ccc.mp4", "ddd.mp4")}.items():
        touch(root / part, [real, fake])
        entries = {real: {"label": "REAL", "split": "train"}, fake: {"label": "FAKE", "split": "train", "original": real}}
        write_json(root / part / "metadata.json", entries)
    return root
