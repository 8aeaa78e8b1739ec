"""How the default weights were made: one command, resumable, with every setting in this file.

    python scripts/train_default_weights.py FACES RUN_FOLDER

FACES holds <set>/{real,fake}/<picture>. A thin network of the same shape learns first, on small pictures and then on full ones; it is
widened into Wide ResNet50-2 without changing its function (Net2Net, arXiv:1511.05641) and trained on. RUN_FOLDER keeps what a stop would
lose."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from screener.faces import MtcnnDetector
from screener.model import WIDE_RESNET50_2, Architecture, Network, widen
from screener.training.end_to_end import Stage, new_state, train_stage
from screener.training.pairs import PairMaker
from screener.training.pictures import VALIDATION_SHARE, held_out, read_faces

SEED = 20261122
WIDENED = 4
THIN = Architecture("wide_resnet50_2 thinned by 4", inner_width=128 // WIDENED, outer_width=64 // WIDENED)
WIDENING_NOISE = 0.01


@dataclass(frozen=True)
class NamedStage:
    name: str
    architecture: Architecture
    stage: Stage


STAGES = (
    NamedStage(
        "thin-128", THIN, Stage(64, 128, pairs=24, learning_rate=1e-3, hardness=(0.0, 0.7), strength=(1.2, 0.8), warm_up_pictures=10000)
    ),
    NamedStage(
        "thin-224", THIN, Stage(22, 224, pairs=16, learning_rate=5e-4, hardness=(0.3, 0.3), strength=(1.0, 0.8), warm_up_pictures=1000)
    ),
    NamedStage(
        "wide-224",
        WIDE_RESNET50_2,
        Stage(5, 224, pairs=8, learning_rate=5e-5, hardness=(0.3, 0.3), strength=(0.8, 0.8), warm_up_pictures=300),
    ),
)


def say(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def start_network(named: NamedStage, previous: Path | None) -> Network:
    """A fresh network, or the running average of the stage before, widened if this stage is wider."""
    seeded = torch.Generator().manual_seed(SEED)
    network = Network(named.architecture, dropout=0.0).initialise(seeded)
    if previous is not None:
        average = torch.load(previous, map_location="cpu", weights_only=True)["average"]
        if named.architecture != THIN:
            average = widen(average, WIDENED, WIDENING_NOISE, seeded)
        network.load_state_dict(average)
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
    for number, named in enumerate(STAGES):
        path = arguments.run / f"{named.name}.pt"
        state = new_state(start_network(named, previous), named.stage)
        if path.exists():
            state.load(path)
        say(f"{named.name}: {named.stage}")
        train_stage(state, named.stage, maker, path, SEED + number, say)
        previous = path


if __name__ == "__main__":
    main()
