"""Measures how much scores change when weights are stored in fewer bits.

    python scripts/measure_quantisation.py CHECKPOINT FACES [--clips CLIP...] [--pictures 200]

CHECKPOINT holds the weights as trained: it was saved with `storage="float32"`. Scored are the crops of the clips, as a scan cuts them (both
examples if left out), and the largest faces of pictures drawn from FACES, by each storage that a checkpoint can have and with 8 bits in one
part of the network alone. Exits 1 when the storage that checkpoints get unasked moves a score by LARGEST_MOVE or more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from drawn_faces import drawn_crops
from numpy.typing import NDArray
from scipy.special import expit

from screener.checkpoint import Calibration, Checkpoint, load_checkpoint, save_checkpoint
from screener.checkpoint.storage import DEFAULT_STORAGE, STORAGES, Storage
from screener.export import crops_of
from screener.scoring import Scorer
from screener.video import expand_sources

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PARTS = ("backbone.conv1", "backbone.layer1", "backbone.layer2", "backbone.layer3", "head.layer4")
LARGEST_MOVE = 0.005
CROPS_OF_A_CLIP = 32


def logits(checkpoint: Checkpoint, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    return Scorer(checkpoint.build_network(), checkpoint.contract.preprocessing, "cpu", "float32").logits(crops_rgb)


def stored_as(checkpoint: Checkpoint, storage: Storage) -> tuple[Checkpoint, int]:
    """The checkpoint as it is read back from a file of this storage, and the file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stored.safetensors"
        save_checkpoint(path, checkpoint.contract, checkpoint.distinct, storage=storage)
        return load_checkpoint(path), path.stat().st_size


def storages(checkpoint: Checkpoint) -> dict[str, Storage]:
    convolutions = [name for name, tensor in checkpoint.distinct.items() if tensor.dim() == 4]
    alone = {f"8 bits in {part} alone": {n: "int8" if n.startswith(part) else "float32" for n in convolutions} for part in PARTS}
    return {**{name: name for name in STORAGES}, **alone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--clips", nargs="+", default=[str(path) for path in sorted(EXAMPLES.glob("*.mp4"))])
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    clips = expand_sources(arguments.clips)
    of_clips = crops_of(clips, checkpoint, CROPS_OF_A_CLIP * len(clips))
    crops = np.concatenate([of_clips, drawn_crops(arguments.faces, arguments.pictures, checkpoint.contract.preprocessing)])
    expected, calibration = logits(checkpoint, crops), checkpoint.contract.calibration
    print(f"{checkpoint.contract.name}: {len(of_clips)} crops of {len(clips)} clips, {arguments.pictures} of pictures")
    print(f"{'convolutions stored as':<32}{'MB':>6}  {'p_fake moves: mean':>18}{'largest':>9}  {'logit moves: mean':>17}{'largest':>9}")
    worst = {}
    for name, storage in storages(checkpoint).items():
        stored, size = stored_as(checkpoint, storage)
        found = logits(stored, crops)
        apart, moved = np.abs(found - expected), np.abs(_p(found, calibration) - _p(expected, calibration))
        worst[name] = moved.max()
        print(f"{name:<32}{size / 1e6:6.1f}  {moved.mean():18.5f}{moved.max():9.5f}  {apart.mean():17.4f}{apart.max():9.4f}", flush=True)
    sys.exit(1 if worst[DEFAULT_STORAGE] >= LARGEST_MOVE else 0)


def _p(values: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    return np.asarray(expit(values / calibration.temperature + calibration.bias))


if __name__ == "__main__":
    main()
