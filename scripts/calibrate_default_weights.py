"""From the last stage of training to the default checkpoint: what only a training run knows, in a checkpoint without calibration.

    python scripts/calibrate_default_weights.py RUN_FOLDER FACES [--to RUN_FOLDER/uncalibrated.safetensors]
    python scripts/measure_localisation.py FACES RUN_FOLDER --checkpoint RUN_FOLDER/uncalibrated.safetensors --store
    screener calibrate RUN_FOLDER/uncalibrated.safetensors VIDEOS -o weights/default.safetensors

The first call writes the weights with their contract: shape, preprocessing, detector, data by name and hash, licence, and how many pictures
each stage saw. The second decides whether reports may show where a face is blended. The third fits temperature, bias and thresholds to
labelled videos that were never trained on. The figures of the model card are measured afterwards, on one half of the groups fitted and on
the other tested.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import torch

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Contract, DataSet, save_checkpoint
from screener.faces import MtcnnDetector
from screener.model.network import CLASS_NAMES, WIDE_RESNET50_2
from screener.model.preprocessing import Preprocessing
from screener.runtime.versions import versions

NAME = "screener-default-2"
POOLING = "trimmed_mean"
INPUT_SIZE = 224

LICENCES = {
    "ciplab": "Real and Fake Face Detection (CIPLAB, Yonsei University), research only",
    "ffhq": "Flickr-Faces-HQ, CC BY-NC-SA 4.0",
    "lfw": "Labeled Faces in the Wild, research only",
    "utkface": "UTKFace, non-commercial research only",
}
LICENCE = "trained on research-only data; not for commercial use without your own review"
LIMITS = (
    "Trained from random initialisation on few pictures. It looks for faces, or parts of them, that were blended into a real picture (face "
    "swaps, lip-syncs, edits). Faces that a generator made whole are mostly not noticed. The model card says what was measured. "
    "A score is a lead to follow, never proof."
)
RECIPE = (
    "Made by `scripts/train_default_weights.py` from random initialisation, with fakes blended on the fly from the real pictures "
    "(self-blended images, arXiv:2204.08376, and landmark-aligned swaps) beside the labelled fakes of the sets, and both classes "
    "degraded alike (size, blur, noise, JPEG, WebP). A copy of the network with a quarter of the channels learnt and was widened "
    "into Wide ResNet50-2 without changing its function (arXiv:1511.05641): every channel is there four times, and scanning "
    "computes it once. What was tried is in `docs/training-log.md`."
)


def data_sets(faces: Path) -> tuple[DataSet, ...]:
    """Name, number of pictures and a hash over the names and bytes of each set."""
    sets = []
    for folder in sorted(p for p in faces.iterdir() if p.is_dir()):
        digest, count = hashlib.sha256(), 0
        for path in sorted(folder.glob("*/*")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
            count += 1
        sets.append(DataSet(folder.name, digest.hexdigest(), count, LICENCES.get(folder.name, "unknown")))
    return tuple(sets)


def training_pictures(run: Path) -> dict[str, int]:
    """Pictures seen in each stage that the run folder holds, in the order in which the stages were finished."""
    found = {}
    for path in sorted(run.glob("*.pt"), key=lambda path: path.stat().st_mtime):
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(content, dict) and "pictures" in content:
            found[path.stem] = int(content["pictures"])
    return found


def uncalibrated(run: Path, faces: Path) -> Contract:
    return Contract(
        name=NAME,
        format_version=FORMAT_VERSION,
        architecture=WIDE_RESNET50_2,
        class_names=CLASS_NAMES,
        split_point=SPLIT_POINT,
        preprocessing=Preprocessing(input_size=INPUT_SIZE),
        detector=MtcnnDetector().contract(),
        sampling={"frames": 32},
        pooling=POOLING,
        calibration=Calibration(),
        operating_points=(),
        valid_range={},
        backbone_fingerprint="",
        training_data=data_sets(faces),
        licence=LICENCE,
        limits=LIMITS,
        figures={"training_pictures": training_pictures(run), "recipe": RECIPE},
        code_version=versions()["screener"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--weights", type=Path, help="state of the network (RUN_FOLDER/widened.pt)")
    parser.add_argument("--to", type=Path, help="RUN_FOLDER/uncalibrated.safetensors if left out")
    arguments = parser.parse_args()
    state = torch.load(arguments.weights or arguments.run / "widened.pt", map_location="cpu", weights_only=True)
    target = arguments.to or arguments.run / "uncalibrated.safetensors"
    contract = uncalibrated(arguments.run, arguments.faces)
    save_checkpoint(target, contract, state)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB; pictures seen: {contract.figures['training_pictures']}")
    print(f"now: screener calibrate {target} VIDEOS -o weights/default.safetensors")


if __name__ == "__main__":
    main()
