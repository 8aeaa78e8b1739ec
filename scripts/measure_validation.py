"""How well a stage of training tells held-out pictures apart: blended fakes and the labelled fakes of each set, before any clip.

    python scripts/measure_validation.py RUN_FOLDER FACES [--stage thin-128 --size 128]...

Prints AUC on the pictures that training never saw. The blended fakes are drawn afresh from held-out reals with fixed seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from screener.evaluation.metrics import roc_auc
from screener.faces import MtcnnDetector
from screener.model.network import WIDE_RESNET50_2, Architecture, Network
from screener.model.preprocessing import Preprocessing, resize_square
from screener.scoring import Scorer
from screener.training.pairs import PairMaker, Recipe
from screener.training.pictures import VALIDATION_SHARE, held_out, read_faces

PAIRS = 400


def load(path: Path) -> tuple[Network, int]:
    """The running average of a stage, in a network of the width that its tensors have."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    outer = content["average"]["backbone.conv1.weight"].shape[0]
    network = Network(Architecture(inner_width=2 * outer, outer_width=outer) if outer != WIDE_RESNET50_2.outer_width else WIDE_RESNET50_2)
    network.load_state_dict(content["average"])
    return network, int(content["pictures"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--stage", action="append", default=[])
    parser.add_argument("--size", type=int, action="append", default=[])
    arguments = parser.parse_args()
    faces = [f for f in read_faces(arguments.faces, MtcnnDetector(), arguments.run / "faces.npz") if held_out(f.name, VALIDATION_SHARE)]
    maker, rng = PairMaker(faces), np.random.default_rng(0)
    pairs = [maker.draw(rng, Recipe(224, Preprocessing().crop_margin, hardness=0.5, strength=0.9)) for _ in range(PAIRS)]
    blended = np.array([pair[3] for pair in pairs])
    crops = np.stack([pair[0] for pair in pairs] + [pair[1] for pair in pairs])
    for stage, size in zip(arguments.stage, arguments.size, strict=True):
        network, pictures = load(arguments.run / f"{stage}.pt")
        scorer = Scorer(network, Preprocessing(input_size=size), device="cpu", batch_size=32)
        logits = scorer.logits(np.stack([resize_square(crop, size) for crop in crops])).reshape(2, PAIRS)
        print(
            f"{stage} after {pictures} pictures, at {size} px: AUC blended {area(logits[:, blended]):.3f}, labelled fakes "
            f"{area(logits[:, ~blended]):.3f}"
        )


def area(logits: np.ndarray) -> float:
    """AUC of (2, n) logits, reals first."""
    return roc_auc(np.repeat([0, 1], logits.shape[1]), logits.reshape(-1))


if __name__ == "__main__":
    main()
