"""Measures how well a checkpoint's locator finds blended regions on held-out faces; decides whether reports may show its map.

    python scripts/measure_localisation.py FACES RUN_FOLDER --checkpoint RUN_FOLDER/uncalibrated.safetensors [--store]

FACES holds <set>/{real,fake}/<picture>; RUN_FOLDER keeps the faces found in them. Prints a table and writes RUN_FOLDER/localisation.json.
`--store` puts the figures into the checkpoint, whose weights stay as they are, bit for bit: from then on a scan shows the map where a face
is judged fake, if it has earned it (`screener weights show` says). The named parts of edited faces are those of the set `ciplab`, whose
file names tell them; its fakes lend training their label and never their parts, so `--all-fakes` measures on more of them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from screener.checkpoint import Localisation, default_checkpoint_path, load_checkpoint, save_contract
from screener.checkpoint.json_fields import to_plain
from screener.checkpoint.localisation import FIGURE, RULE
from screener.datasets.layouts import read_data
from screener.errors import DatasetError
from screener.evaluation.metrics import roc_auc
from screener.faces import MtcnnDetector
from screener.model.preprocessing import Preprocessing
from screener.runtime.files import write_whole
from screener.scoring import Scorer
from screener.training.labelled_pictures import VALIDATION_SHARE, LabelledFace, held_out, read_item_faces
from screener.training.locator_figures import (
    PARTS,
    blended_pictures,
    edited_parts,
    measure_localisation,
    measure_parts,
    part_crop,
    part_values,
)

PICTURES = 400
PART_SET = "ciplab"
SMALL_SHARE = 0.12
"""Blends that fill less of the crop than this are those of a mouth, eyes or nose."""


def parts_of(faces: list[LabelledFace], scorer: Scorer, preprocessing: Preprocessing) -> dict[str, Any]:
    """Figures of the named parts, from fakes whose names say what was edited and from reals of the same set."""
    named = [(face, edited_parts(face.name) if face.label == "fake" else None) for face in faces]
    fakes = [(face, edited) for face, edited in named if edited is not None]
    reals = [face for face in faces if face.label == "real"]
    crops = [part_crop(face, preprocessing) for face in [*(face for face, _ in fakes), *reals]]
    _, maps = scorer.logits_and_maps(np.stack([crop for crop, _ in crops]))
    values = part_values(maps, np.stack([places for _, places in crops]))
    return measure_parts(values[: len(fakes)], np.array([edited for _, edited in fakes], np.int64), values[len(fakes) :])


def rows(name: str, found: Localisation) -> list[str]:
    """A table of the figures on one kind of blends."""
    lines = [f"{name}: {found.pictures} pictures, blended from {found.level:.2f} on"]
    figures = (found.pixel_auc, found.overlap, found.fixed_overlap, found.gain, found.pointing)
    for title, figure in zip(("pixel AUC", "overlap", "overlap of the fixed map", "gain over it", "pointing"), figures, strict=True):
        lines.append(f"  {title:<26} {figure.value:6.3f}  ({figure.low:.3f} to {figure.high:.3f})")
    return [*lines, f"  {'marked on real pictures':<26} {found.marked_on_reals:6.3f}"]


def part_rows(found: dict[str, Any]) -> list[str]:
    lines = [f"edited parts: {found['fakes']} fakes of {PART_SET}"]
    for part in PARTS:
        if auc := found["auc"].get(part):
            lines.append(f"  {part + ' AUC':<26} {auc['value']:6.3f}  ({auc['low']:.3f} to {auc['high']:.3f}), edited in {auc['edited']}")
    if top := found.get("top_part"):
        lines.append(
            f"  {'part named rightly':<26} {top['value']:6.3f}  ({top['low']:.3f} to {top['high']:.3f}), {found['partly_edited']} fakes"
        )
        lines.append(f"  {'a part drawn blindly':<26} {found['chance']:6.3f}")
        lines.append(f"  {'always the commonest part':<26} {found['fixed']:6.3f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="the default weights if left out")
    parser.add_argument("--pictures", type=int, default=PICTURES, help=f"pairs to blend ({PICTURES})")
    parser.add_argument("--all-fakes", action="store_true", help="parts of all fakes, not only of those that training never saw")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--store", action="store_true", help="put the figures into the checkpoint")
    arguments = parser.parse_args()
    path = arguments.checkpoint or default_checkpoint_path()
    checkpoint = load_checkpoint(path)
    preprocessing = checkpoint.contract.preprocessing
    faces = read_item_faces(read_data(arguments.faces), MtcnnDetector(), arguments.run / "faces.npz")
    unseen = [face for face in faces if held_out(face.group or face.name, VALIDATION_SHARE)]
    scorer = Scorer(checkpoint.build_network(), preprocessing, arguments.device)
    pictures = blended_pictures(unseen, arguments.pictures, preprocessing)
    fake_logits, fake_maps = scorer.logits_and_maps(pictures.fakes_rgb)
    real_logits, real_maps = scorer.logits_and_maps(pictures.reals_rgb)
    named = [face for face in faces if face.set_name == PART_SET and (face in unseen or (arguments.all_fakes and face.label == "fake"))]
    parts = parts_of(named, scorer, preprocessing) if any(edited_parts(face.name) for face in named) else {}

    found = measure_localisation(fake_maps, real_maps, pictures.masks, parts)
    lines = rows("all blends", found)
    small = pictures.masks.mean((1, 2)) < SMALL_SHARE
    try:
        of_small = measure_localisation(fake_maps[small], real_maps[small], pictures.masks[small])
        lines += rows(f"blends of less than {SMALL_SHARE:.0%} of the crop", of_small)
    except DatasetError as error:
        of_small, lines = None, [*lines, str(error)]
    lines += part_rows(parts) if parts else []
    auc = roc_auc(np.repeat([0, 1], len(real_logits)), np.concatenate([real_logits, fake_logits]))
    lines.append(f"the score tells these blends from their reals with an AUC of {auc:.3f}")
    lines.append(f"the map is {'shown' if found.earned else 'not shown'} in reports; it is shown if {RULE}")
    print("\n".join(lines))
    figures = {"checkpoint": checkpoint.sha256, "earned": found.earned, "rule": RULE, "all": to_plain(found), "small": to_plain(of_small)}
    write_whole(arguments.run / "localisation.json", json.dumps(figures, indent=1) + "\n")
    if arguments.store:
        contract = checkpoint.contract
        save_contract(path, replace(contract, figures={**contract.figures, FIGURE: to_plain(found)}), path)
        print(f"stored in {path}")


if __name__ == "__main__":
    main()
