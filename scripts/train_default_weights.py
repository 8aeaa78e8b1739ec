"""How the default weights were made: one command, resumable, with every setting in this file.

    python scripts/train_default_weights.py FACES RUN_FOLDER [--from CHECKPOINT --after STAGE]

FACES holds <set>/{real,fake}/<picture>. A copy of Wide ResNet50-2 with a quarter of its channels learns, on small pictures and then on
full ones, because two processor cores show it eight times as many pictures as the wide one in the same time. In the end it is widened
into Wide ResNet50-2 without changing its function (Net2Net, arXiv:1511.05641). RUN_FOLDER keeps what a stop would lose; where it was
lost, or to go on from published weights, `--from` narrows a checkpoint again and `--after` names the stage that it had finished."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from screener.checkpoint import load_checkpoint
from screener.faces import MtcnnDetector
from screener.model.network import WIDE_RESNET50_2, Network
from screener.model.widening import Widening, narrow, widen
from screener.training.end_to_end import Stage, State, new_state, train_stage
from screener.training.pairs import PairMaker
from screener.training.pictures import VALIDATION_SHARE, held_out, read_faces

SEED = 20261122
WIDENED = Widening.of_all(4)
THIN = WIDENED.narrowed(WIDE_RESNET50_2)


STAGES = {
    "thin-128": Stage(64, 128, pairs=24, learning_rate=1e-3, hardness=(0.0, 0.7), strength=(1.2, 0.8), warm_up_pictures=10000),
    "thin-224": Stage(22, 224, pairs=16, learning_rate=5e-4, hardness=(0.3, 0.3), strength=(1.0, 0.8), warm_up_pictures=1000),
    "light-160": Stage(52, 160, pairs=20, learning_rate=6e-4, hardness=(0.1, 0.2), strength=(1.1, 0.9), warm_up_pictures=3000),
    "light-224": Stage(33, 224, pairs=16, learning_rate=5e-4, hardness=(0.1, 0.2), strength=(1.1, 0.9), warm_up_pictures=1000),
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


def finished_stage(checkpoint: Path, name: str, stage: Stage) -> State:
    """What the run folder held when the stage was done, from the checkpoint that was made of it; the optimiser's memory starts anew."""
    contents = load_checkpoint(checkpoint)
    network = Network(THIN, dropout=0.0)
    network.load_state_dict(narrow(contents.state, WIDENED))
    state = new_state(network, stage)
    state.seconds = stage.minutes * 60
    state.pictures = contents.contract.figures.get("training_pictures", {}).get(name, 0)
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--from", dest="checkpoint", type=Path)
    parser.add_argument("--after", choices=list(STAGES))
    arguments = parser.parse_args()
    if (arguments.checkpoint is None) != (arguments.after is None):
        parser.error("--from and --after go together")
    arguments.run.mkdir(parents=True, exist_ok=True)
    faces = read_faces(arguments.faces, MtcnnDetector(), arguments.run / "faces.npz")
    training = [f for f in faces if not held_out(f.name, VALIDATION_SHARE)]
    say(f"{len(training)} faces to train on, {len(faces) - len(training)} held out")
    maker = PairMaker(training)
    previous: Path | None = None
    skipped = list(STAGES).index(arguments.after) if arguments.after else -1
    for number, (name, stage) in enumerate(STAGES.items()):
        path = arguments.run / f"{name}.pt"
        if number < skipped:
            continue
        if number == skipped and not path.exists():
            finished_stage(arguments.checkpoint, name, stage).save(path)
        state = new_state(start_network(previous), stage)
        if path.exists():
            state.load(path)
        say(f"{name}: {stage}")
        train_stage(state, stage, maker, path, SEED + number, say, compiled=True)
        previous = path
    assert previous is not None
    learnt = torch.load(previous, map_location="cpu", weights_only=True)
    torch.save(widen(learnt["average"], WIDENED, noise=0.0), arguments.run / "widened.pt")


if __name__ == "__main__":
    main()
