"""What storing the weights in 8 bits costs: differences in AUC and score between the weights as trained and as read back.

    python scripts/measure_quantisation.py RUN_FOLDER FACES CHECKPOINT

On the held-out pictures of FACES: the labelled fakes of its sets, and self-blended fakes of its reals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from screener.checkpoint import load_checkpoint
from screener.evaluation.metrics import roc_auc
from screener.faces import MtcnnDetector
from screener.model.network import WIDE_RESNET50_2, Network
from screener.scoring import Scorer
from screener.training.pairs import PairMaker, Recipe
from screener.training.pictures import VALIDATION_SHARE, held_out, read_faces

PAIRS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("checkpoint", type=Path)
    arguments = parser.parse_args()
    faces = [f for f in read_faces(arguments.faces, MtcnnDetector(), arguments.run / "faces.npz") if held_out(f.name, VALIDATION_SHARE)]
    stored = load_checkpoint(arguments.checkpoint)
    preprocessing = stored.contract.preprocessing
    maker, rng = PairMaker(faces), np.random.default_rng(0)
    recipe = Recipe(preprocessing.input_size, preprocessing.crop_margin, hardness=0.5, strength=0.9)
    pairs = [maker.draw(rng, recipe) for _ in range(PAIRS)]
    crops = np.stack([pair[0] for pair in pairs] + [pair[1] for pair in pairs])
    labels = np.repeat([0, 1], PAIRS)
    blended = np.tile([pair[3] for pair in pairs], 2)

    float_network = Network(WIDE_RESNET50_2)
    float_network.load_state_dict(torch.load(arguments.run / "widened.pt", map_location="cpu", weights_only=True))
    logits = {
        name: Scorer(network, preprocessing, device="cpu").logits(crops)
        for name, network in (("float", float_network), ("8 bit", stored.build_network()))
    }
    for name, found in logits.items():
        print(
            f"{name}: AUC {roc_auc(labels[blended], found[blended]):.4f} blended, "
            f"{roc_auc(labels[~blended], found[~blended]):.4f} labelled fakes"
        )
    difference = np.abs(logits["float"] - logits["8 bit"])
    print(f"logit difference: mean {difference.mean():.4f}, largest {difference.max():.4f}, on {len(crops)} crops")


if __name__ == "__main__":
    main()
