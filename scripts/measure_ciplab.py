"""Trains the head on 80 % of CIPLAB, the picture set of the method's first publication, and tests it on the other 20 %, five times.

    python scripts/measure_ciplab.py FACES RUN_FOLDER [--backbone CHECKPOINT] [--preset improved --epochs 8 --batch-size 32]

FACES contains ciplab/{real,fake}/. The five folds are disjoint, so that every picture is tested once. No choice is based on test results:
the last epoch's weights decide at 0.5. Most of these pictures were in the training data of the default backbone, so the pictures that were
not (`labelled_pictures.held_out`, by their group, which is the name without its suffix) are reported separately; only their figure is
valid. (Up to `screener-default-1` pictures were held out by their path; these are the 173 of docs/explanation/limits.md.) The default
weights are an exact widening of a narrower network. By default backbone and head are that network, which gives the same features and a
narrow head; `--wide` trains the head on all channels of the default weights. `--backbone` takes another checkpoint, such as that of
`scripts/convert_open_nsfw.py`; if it was not trained on CIPLAB, the figures over all pictures are valid. Published: accuracy 0.687, F1
0.723, with *real* as the positive class; here fake is positive, and F1 of real is printed too.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import default_checkpoint_path, load_checkpoint, save_checkpoint
from screener.datasets import read_data
from screener.model.copies import NO_COPIES
from screener.settings import ExtractSettings, TrainSettings
from screener.training.extraction import ExtractionProgress, extract
from screener.training.fold_parts import parts_of
from screener.training.folds import open_folds
from screener.training.head_figures import figures, spread
from screener.training.head_run import HeadReport, train_heads
from screener.training.labelled_pictures import VALIDATION_SHARE, held_out
from screener.training.updates import EpochFigures, QuietWatch

FOLDS = 5
SEED = 20261122
SHOWN = ("accuracy", "f1", "precision", "recall", "auc")


class Lines(QuietWatch):
    """A line an epoch."""

    def epoch(self, figures: EpochFigures) -> None:
        print(
            f"  fold {figures.fold} epoch {figures.epoch}: loss {figures.training_loss:.3f}, accuracy {figures.validation_accuracy:.3f}, "
            f"AUC {figures.validation_auc:.3f}, {figures.seconds:.0f} s",
            flush=True,
        )


def judged_by_fold(
    report: HeadReport, folder: Path, settings: TrainSettings
) -> list[tuple[list[str], NDArray[np.int64], NDArray[np.float64]]]:
    """Names, labels and logits of each fold's validation rows."""
    parts = {fold.number: parts_of(fold, settings.validation_share, settings.seed).validation for fold in open_folds(folder)}
    return [([row.name for row in parts[r.number].rows], parts[r.number].labels, r.logits) for r in report.folds]


def figures_of_unseen(names: list[str], labels: NDArray[np.int64], logits: NDArray[np.float64]) -> dict[str, float]:
    """Of the pictures that were held out from the training of the default weights, as far as these define them: few may be of one class."""
    unseen = np.array([held_out(Path(name).stem, VALIDATION_SHARE) for name in names])
    unseen_names = [name for name, chosen in zip(names, unseen, strict=True) if chosen]
    clean = figures(labels[unseen], logits[unseen], unseen_names)
    of_real = figures(1 - labels[unseen], -logits[unseen], unseen_names)
    return {**clean, "f1 of real": of_real["f1"]} if of_real["rows"] else clean


def thin_checkpoint(path: Path) -> Path:
    """The default weights with every channel that is a copy of another left out."""
    default = load_checkpoint()
    thin, _ = default.contract.copies.narrowed(default.contract.architecture)
    save_checkpoint(path, replace(default.contract, architecture=thin, copies=NO_COPIES), default.distinct, storage="float32")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--preset", default="improved")
    parser.add_argument("--backbone", type=Path)
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    settings = TrainSettings.from_mapping(
        {
            "preset": arguments.preset,
            "epochs": arguments.epochs,
            "batch_size": arguments.batch_size,
            "warm_up_epochs": 0.25,
            "keep": "last",
            "patience": 0,
            "head_start": "layer4",
            "seed": SEED,
        }
    )
    folds = arguments.run / "ciplab-folds"
    arguments.run.mkdir(parents=True, exist_ok=True)
    if arguments.backbone:
        backbone = arguments.backbone
    else:
        backbone = default_checkpoint_path() if arguments.wide else thin_checkpoint(arguments.run / "narrowed.safetensors")
    made = extract(
        read_data(arguments.faces / "ciplab"), load_checkpoint(backbone), ExtractSettings(folds=FOLDS, seed=SEED), folds, say_crops
    )
    print(f"{made.crops} crops, {made.crops_now / max(made.seconds, 1e-9):.1f} a second ({made.dtype}), {len(made.bad_files)} left out")
    report = train_heads(folds, arguments.run / f"ciplab-{arguments.preset}.safetensors", settings, backbone, watch=Lines())
    assert report is not None
    judged = judged_by_fold(report, folds, settings)
    print(f"{FOLDS} x 80/20, {settings.preset} preset, {settings.epochs} epochs, seed {SEED}; fake is positive")
    found = spread([figures(labels, logits, names) for names, labels, logits in judged])
    of_real = spread([figures(1 - labels, -logits, names) for names, labels, logits in judged])
    result = {name: asdict(found[name]) for name in SHOWN} | {"f1 of real": asdict(of_real["f1"])}
    for name, values in result.items():
        print(f"  {name:<11} {values['mean']:.3f} +- {values['deviation']:.3f}  ({values['lowest']:.3f} to {values['highest']:.3f})")
    names = [name for one, _, _ in judged for name in one]
    labels, logits = (np.concatenate([one[i] for one in judged]) for i in (1, 2))
    clean = figures_of_unseen(names, labels, logits)
    print(f"of the {clean['rows']} pictures that were held out from the training of the default weights:")
    for name in (*SHOWN, "f1 of real"):
        print(f"  {name:<11} " + (f"{clean[name]:.3f}" if name in clean else "not defined for these"))
    content = {"folds": result, "unseen": clean, "settings": settings.to_dict()}
    (arguments.run / f"ciplab-{arguments.preset}.json").write_text(json.dumps(content, indent=2))


def say_crops(progress: ExtractionProgress) -> None:
    if progress.files_done % 200 == 0:
        print(f"  {progress.files_done} of {progress.files} files", flush=True)


if __name__ == "__main__":
    main()
