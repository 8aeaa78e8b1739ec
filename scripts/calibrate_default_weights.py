"""From the last stage of training to the default checkpoint: calibration and thresholds on labelled videos that were never trained on.

    python scripts/calibrate_default_weights.py RUN_FOLDER FACES VIDEOS/manifest.csv results.jsonl
    screener scan VIDEOS --checkpoint RUN_FOLDER/uncalibrated.safetensors --threshold 0.5 --jsonl -o results.jsonl
    python scripts/calibrate_default_weights.py RUN_FOLDER FACES VIDEOS/manifest.csv results.jsonl

The first call writes the uncalibrated weights, the second scans with them, the third fits temperature, bias and operating points to the
scores of the reals and of the fakes that were blended into a real picture (what the weights were trained to see), and stores them with
the weights. The figures are printed by `scripts/write_model_card.py`, which also fits on one half of the groups and tests on the other.
"""

from __future__ import annotations

import argparse
import hashlib
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Contract, DataSet, OperatingPoint, save_checkpoint
from screener.datasets import read_manifest
from screener.evaluation.calibration import MISSED_SHARE, fit_calibration, operating_point, pooled_p_fake
from screener.evaluation.methods import BLENDING, family_of
from screener.evaluation.videos import labels_of, read_scores
from screener.faces import MtcnnDetector
from screener.model import CLASS_NAMES, WIDE_RESNET50_2
from screener.preprocess import Preprocessing

POOLING = "trimmed_mean"
FALSE_POSITIVE_RATES = (0.05, 0.10)
INPUT_SIZE = 224
LEAST_FACE_PX = 40.0

LICENCES = {
    "ciplab": "Real and Fake Face Detection (CIPLAB, Yonsei University), research only",
    "ffhq": "Flickr-Faces-HQ, CC BY-NC-SA 4.0",
    "lfw": "Labeled Faces in the Wild, research only",
    "utkface": "UTKFace, non-commercial research only",
}
LICENCE = "trained on research-only data; not for commercial use without your own review"
LIMITS = (
    "A first checkpoint, trained from random initialisation on two processor cores. It looks for faces, or parts of them, "
    "that were blended into a "
    "real picture (face swaps, lip-syncs, edits). Faces that a generator made whole are mostly not noticed. The model card "
    "says what was measured. "
    "A score is a lead to follow, never proof."
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


def contract(
    calibration: Calibration,
    points: tuple[OperatingPoint, ...],
    valid: dict[str, tuple[float, float]],
    sets: tuple[DataSet, ...],
    figures: dict[str, object],
) -> Contract:
    return Contract(
        name="screener-default-1",
        format_version=FORMAT_VERSION,
        architecture=WIDE_RESNET50_2,
        class_names=CLASS_NAMES,
        split_point=SPLIT_POINT,
        preprocessing=Preprocessing(input_size=INPUT_SIZE),
        detector=MtcnnDetector().contract(),
        sampling={"frames": 32},
        pooling=POOLING,
        calibration=calibration,
        operating_points=points,
        valid_range=valid,
        backbone_fingerprint="0" * 64,
        training_data=sets,
        licence=LICENCE,
        limits=LIMITS,
        figures=figures,
        code_version=metadata.version("screener"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--to", type=Path, default=Path("weights/default.safetensors"))
    arguments = parser.parse_args()

    state = torch.load(arguments.run / "widened.pt", map_location="cpu", weights_only=True)
    pictures = {
        p.stem: int(torch.load(p, map_location="cpu", weights_only=True)["pictures"]) for p in sorted(arguments.run.glob("thin-*.pt"))
    }
    sets = data_sets(arguments.faces)
    first = arguments.run / "uncalibrated.safetensors"
    save_checkpoint(first, contract(Calibration(), (), {}, sets, {"training_pictures": pictures}), state)

    if not arguments.results.exists():
        parser.exit(
            1, f"now: screener scan VIDEOS --checkpoint {first} --threshold 0.5 --jsonl -o {arguments.results}; then this command again\n"
        )
    videos = [v for v in read_manifest(arguments.manifest) if v.label == 0 or family_of(v.method) in BLENDING]
    scored = [s for s in read_scores(arguments.results, videos) if len(s.logits)]
    labels, logits = labels_of(scored), [s.logits for s in scored]
    calibration = fit_calibration(logits, labels, POOLING)
    p_fake = pooled_p_fake(logits, calibration, POOLING)
    points = tuple(operating_point(labels, p_fake, fpr, MISSED_SHARE) for fpr in FALSE_POSITIVE_RATES)
    sharpness = np.concatenate([s.sharpness for s in scored])
    face_px = np.concatenate([s.face_px for s in scored])
    valid = {
        "face_px": (LEAST_FACE_PX, float(2 * face_px.max())),
        "sharpness": (float(np.quantile(sharpness, 0.005) / 2), float(4 * sharpness.max())),
    }
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(arguments.to, contract(calibration, points, valid, sets, {"training_pictures": pictures}), state)
    print(f"{arguments.to}: {arguments.to.stat().st_size / 1e6:.1f} MB; {len(scored)} videos scored; {calibration}")
    for point in points:
        print(point)


if __name__ == "__main__":
    main()
