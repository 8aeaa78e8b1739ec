"""Measures weights on swaps beside their originals that were held out from training by original, crop by crop.

    python scripts/measure_swaps_held_out.py WEIGHTS... --faces FACES/manifest.csv --folder FOLDER [--set dfdc]

The crops are not degraded: they are as a scan would cut them from these pictures. The swaps are of the kind that was trained on, and their
originals may show actors who were trained on too, so this says how well the kind was learnt and not whether it carries over.

Prints for each file the AUC with its interval over originals, and the share of pairs whose swap scores above its original.

States of a training do not say how faces are cut for them: --input-size and --crop-margin, as in their training.

--folder: keeps the faces of the pictures between runs; another one for other data.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure_slices import RULES, network_of

from screener.evaluation.metrics import bootstrap_interval, roc_auc
from screener.model.preprocessing import Preprocessing, crop_face
from screener.scoring import Scorer, TorchEngine, relative
from screener.training.end_to_end_data import pictures_of, split_faces
from screener.training.labelled_pictures import LabelledFace


def pairs_of(faces: list[LabelledFace], set_name: str) -> list[tuple[LabelledFace, LabelledFace]]:
    """Each original of the set with each swap that was made of it; the swap has its original's box, so that both are framed alike."""
    of_set = [face for face in faces if face.set_name == set_name]
    originals = {face.group: face for face in of_set if face.label == "real" and face.group}
    fakes = [face for face in of_set if face.label == "fake" and face.group in originals]
    return [(originals[fake.group], replace(fake, box_xyxy=originals[fake.group].box_xyxy)) for fake in fakes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--set", dest="set_name", default="dfdc")
    parser.add_argument("--input-size", type=int, default=RULES.input_size)
    parser.add_argument("--crop-margin", type=float, default=RULES.crop_margin)
    arguments = parser.parse_args()
    rules = Preprocessing(input_size=arguments.input_size, crop_margin=arguments.crop_margin)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    held = split_faces(pictures_of(arguments.faces, print), arguments.faces, arguments.folder / "faces.npz", print).validation
    pairs = pairs_of(held, arguments.set_name)
    crops = np.stack([crop_face(face.picture_rgb, face.box_xyxy, rules) for pair in pairs for face in pair])
    labels, groups = np.tile([0, 1], len(pairs)), [face.group for pair in pairs for face in pair]
    print(f"{len(pairs)} pairs of {arguments.set_name}, of {len(set(groups))} originals")
    for weights in arguments.weights:
        network, reference = network_of(weights, rules)
        scores = Scorer(relative(TorchEngine(network, rules), reference), rules).logits(crops)
        low, high = bootstrap_interval(roc_auc, labels, scores, groups=groups)
        in_order = float((scores[1::2] > scores[::2]).mean())
        print(f"{weights.name}: AUC {roc_auc(labels, scores):.3f} ({low:.3f} to {high:.3f}), in order {in_order:.2f}", flush=True)


if __name__ == "__main__":
    main()
