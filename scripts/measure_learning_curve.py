"""How a network in training does on labelled clips: a quick look between checkpoints, printed as one row of the training log.

    python scripts/measure_learning_curve.py CLIPS/manifest.csv RUN_FOLDER/light-224.pt --input-size 224 --crops RUN_FOLDER/clips.npz

Eight evenly spaced frames of the largest face, mean logit, no tracking, no calibration: cheaper than a scan and not the same. The crops are
found once and kept in the file that `--crops` names. It says where training is going; the figures of the weights are `screener evaluate`'s.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from screener.datasets import LabelledItem, read_manifest
from screener.evaluation.methods import family_of
from screener.evaluation.metrics import roc_auc
from screener.faces import MtcnnDetector
from screener.model.network import Architecture, Network, fake_logit
from screener.model.preprocessing import Preprocessing, crop_face, resize_square
from screener.training.end_to_end import prepare

FRAMES = 8
STORED = Preprocessing(input_size=224)


def crops_of(path: Path, detector: MtcnnDetector) -> tuple[NDArray[np.uint8], float]:
    """(FRAMES, 224, 224, 3) of the largest face of each sampled frame with a face, and the median shorter side of the faces, pixels."""
    video = cv2.VideoCapture(str(path.resolve()))
    frames = []
    while True:
        read, frame = video.read()
        if not read:
            break
        frames.append(frame)
    crops, sides = [], []
    for i in np.linspace(0, len(frames) - 1, FRAMES + 2)[1:-1].round().astype(int):
        frame = np.asarray(cv2.cvtColor(frames[i], cv2.COLOR_BGR2RGB), np.uint8)
        found = detector.detect(frame)
        if found:
            face = max(found, key=lambda f: f.size_px)
            crops.append(crop_face(frame, face.box_xyxy, STORED))
            sides.append(face.size_px)
    return np.asarray(crops, np.uint8).reshape(-1, 224, 224, 3), float(np.median(sides)) if sides else 0.0


def cached_crops(videos: list[LabelledItem], cache: Path) -> tuple[list[NDArray[np.uint8]], NDArray[np.float64]]:
    if not cache.exists():
        detector = MtcnnDetector()
        found = [crops_of(video.path, detector) for video in videos]
        np.savez(cache, sides=[side for _, side in found], **{str(i): crops for i, (crops, _) in enumerate(found)})  # type: ignore[arg-type]
    with np.load(cache) as saved:
        return [saved[str(i)] for i in range(len(videos))], saved["sides"]


def network_of(path: Path) -> tuple[Network, int]:
    """The running average in a stage's file, and how many pictures it had seen."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    outer = int(content["average"]["backbone.conv1.weight"].shape[0])
    inner = int(content["average"]["backbone.layer1.0.conv1.weight"].shape[0])
    network = Network(Architecture("in training", inner_width=inner, outer_width=outer), dropout=0.0)
    network.load_state_dict(content["average"])
    return network.eval(), int(content["pictures"])


def mean_logits(network: Network, crops: list[NDArray[np.uint8]], size: int) -> NDArray[np.float64]:
    scores = []
    with torch.inference_mode():
        for of_one in crops:
            pictures = torch.from_numpy(np.stack([resize_square(crop, size) for crop in of_one]))
            scores.append(float(fake_logit(network(prepare(pictures)).float()).mean()))
    return np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("stages", type=Path, nargs="*")
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--crops", type=Path, required=True)
    arguments = parser.parse_args()
    videos = read_manifest(arguments.manifest)
    crops, sides = cached_crops(videos, arguments.crops)
    kept = [i for i, of_one in enumerate(crops) if len(of_one)]
    methods = [videos[i].method for i in kept]
    labels = np.array([videos[i].label for i in kept])
    families = np.array(["real" if videos[i].label == 0 else family_of(videos[i].method) for i in kept])
    if not arguments.stages:
        for name in sorted(set(methods)):
            print(f"{name:<28}", " ".join(f"{sides[k]:.0f}" for k, m in zip(kept, methods, strict=True) if m == name))
    for path in arguments.stages:
        network, pictures = network_of(path)
        scores = mean_logits(network, [crops[i] for i in kept], arguments.input_size)
        print(f"{path.name}: {pictures:,} pictures, {arguments.input_size} px")
        for name, chosen in {
            "blended": np.isin(families, ["swap", "lip-sync", "reenactment"]),
            **{family: families == family for family in sorted(set(families) - {"real"})},
            **{m: np.array([x == m for x in methods]) for m in sorted({m for m, y in zip(methods, labels, strict=True) if y == 1})},
        }.items():
            both = chosen | (labels == 0)
            print(f"  {name:<28} {int(chosen.sum()):3d} clips  AUC against all reals {roc_auc(labels[both], scores[both]):.3f}")
        live = [i for i, m in zip(range(len(kept)), methods, strict=True) if m.startswith("DeepFaceLive")]
        groups = {videos[kept[i]].group for i in live}
        pairs = [
            (
                [scores[i] for i in live if videos[kept[i]].group == g and labels[i] == 0],
                [scores[i] for i in live if videos[kept[i]].group == g and labels[i] == 1],
            )
            for g in sorted(groups)
        ]
        pairs = [(r, f) for r, f in pairs if r and f]
        print(
            f"  DeepFaceLive pairs: AUC {roc_auc(labels[live], scores[live]):.3f}, {sum(np.mean(f) > np.mean(r) for r, f in pairs)} "
            f"of {len(pairs)} won"
        )


if __name__ == "__main__":
    main()
