"""How the default weights were made: one command, resumable, with every setting in this file.

    python scripts/train_default_weights.py FACES RUN_FOLDER

FACES holds <set>/{real,fake}/<picture>. A copy of Wide ResNet50-2 with a quarter of its channels learns, on small pictures and then on
full ones, because two processor cores show it eight times as many pictures as the wide one in the same time. In the end it is widened
into Wide ResNet50-2 without changing its function (Net2Net, arXiv:1511.05641). RUN_FOLDER keeps what a stop would lose."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from screener.faces import MtcnnDetector
from screener.model import Architecture, Network, widen
from screener.training.end_to_end import Stage, new_state, train_stage
from screener.training.pairs import PairMaker
from screener.training.pictures import VALIDATION_SHARE, held_out, read_faces

SEED = 20261122
WIDENED = 4
THIN = Architecture("wide_resnet50_2 thinned by 4", inner_width=128 // WIDENED, outer_width=64 // WIDENED)


STAGES = {
    "thin-128": Stage(64, 128, pairs=24, learning_rate=1e-3, hardness=(0.0, 0.7), strength=(1.2, 0.8), warm_up_pictures=10000),
    "thin-224": Stage(22, 224, pairs=16, learning_rate=5e-4, hardness=(0.3, 0.3), strength=(1.0, 0.8), warm_up_pictures=1000),
}


def say(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def start_network(previous: Path | None) -> Network:
    """A fresh network, or the running average of the stage before."""
    seeded = torch.Generator().manual_seed(SEED)
    network = Network(THIN, dropout=0.0).initialise(seeded)
    if previous is not None:
        network.load_state_dict(torch.load(previous, map_location="cpu", weights_only=True)["average"])
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    faces = read_faces(arguments.faces, MtcnnDetector(), arguments.run / "faces.npz")
    training = [f for f in faces if not held_out(f.name, VALIDATION_SHARE)]
    say(f"{len(training)} faces to train on, {len(faces) - len(training)} held out")
    maker = PairMaker(training)
    previous: Path | None = None
    for number, (name, stage) in enumerate(STAGES.items()):
        path = arguments.run / f"{name}.pt"
        state = new_state(start_network(previous), stage)
        if path.exists():
            state.load(path)
        say(f"{name}: {stage}")
        train_stage(state, stage, maker, path, SEED + number, say)
        previous = path
    assert previous is not None
    learnt = torch.load(previous, map_location="cpu", weights_only=True)
    torch.save(widen(learnt["average"], WIDENED, noise=0.0), arguments.run / "widened.pt")


if __name__ == "__main__":
    main()
