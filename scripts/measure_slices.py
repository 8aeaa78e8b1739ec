"""Evaluates weights on labelled clips by slice, next to a baseline of picture quality alone, to see where a training is heading.

    python scripts/measure_slices.py CLIPS/manifest.csv WEIGHTS... --crops RUN_FOLDER/clips.npz

WEIGHTS are checkpoints, or states of a training (`own.safetensors.training/stage-1.pt`, of which the running average is taken). Eight
evenly spaced frames of a clip, the largest face, mean logit: cheaper than a scan and not the same. The crops are found once and kept in
the file that `--crops` names. Intervals are 95 % bootstraps over scenes. The figures of released weights are `screener evaluate`'s.

States of a training do not say how faces are cut for them: --input-size and --crop-margin, as in their training.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from screener.checkpoint import load_checkpoint
from screener.datasets import LabelledItem, read_manifest
from screener.evaluation.methods import family_of
from screener.evaluation.metrics import bootstrap_interval, roc_auc
from screener.evaluation.quality import quality_of, quality_scores, sharpness_matched
from screener.faces import MtcnnDetector
from screener.model.architecture import Architecture
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing, crop_face
from screener.model.reference import NO_REFERENCE, Reference
from screener.scoring import Scorer, TorchEngine, relative

FRAMES = 8
RULES = Preprocessing()

SCENES = ("SDFVD", "DeepFaceLive")
"""Beginnings of the methods that come as a real and a fake of one scene."""

FAMILIES = ("swap", "lip-sync", "whole face")
FEWEST_OF_A_KIND = 3


@dataclass(frozen=True)
class Clips:
    """videos with a face, their crops (FRAMES, S, S, 3) and the median shorter side of the faces in pixels."""

    videos: list[LabelledItem]
    crops: list[NDArray[np.uint8]]
    sides: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.array([video.label for video in self.videos], np.int64)

    def where(self, wanted: Callable[[LabelledItem], bool]) -> NDArray[np.int64]:
        return np.array([i for i, video in enumerate(self.videos) if wanted(video)], np.int64)


def crops_of(path: Path, detector: MtcnnDetector, rules: Preprocessing = RULES) -> tuple[NDArray[np.uint8], float]:
    """(FRAMES or fewer, S, S, 3) of the largest face of each sampled frame with a face, and the median shorter side, pixels."""
    video, frames = cv2.VideoCapture(str(path.resolve())), []
    while (read := video.read())[0]:
        frames.append(read[1])
    crops, sides = [], []
    for i in np.linspace(0, len(frames) - 1, FRAMES + 2)[1:-1].round().astype(int) if frames else ():
        frame = np.asarray(cv2.cvtColor(frames[i], cv2.COLOR_BGR2RGB), np.uint8)
        face = max(detector.detect(frame), key=lambda f: f.size_px, default=None)
        if face is not None:
            crops.append(crop_face(frame, face.box_xyxy, rules))
            sides.append(face.size_px)
    return np.asarray(crops, np.uint8).reshape(-1, rules.input_size, rules.input_size, 3), float(np.median(sides)) if sides else 0.0


def holds(cache: Path, names: list[str]) -> bool:
    """Whether what was found under these names, in this order, was kept."""
    if not cache.exists():
        return False
    with np.load(cache) as saved:
        return "names" in saved and saved["names"].tolist() == names


def read_clips(manifest: Path, cache: Path, rules: Preprocessing = RULES) -> Clips:
    videos = read_manifest(manifest)
    names = [str(rules), *(video.name for video in videos)]
    if not holds(cache, names):
        detector = MtcnnDetector()
        found = [crops_of(video.path, detector, rules) for video in videos]
        np.savez(cache, names=names, sides=[side for _, side in found], **{str(i): crops for i, (crops, _) in enumerate(found)})  # type: ignore[arg-type]
    with np.load(cache) as saved:
        crops, sides = [saved[str(i)] for i in range(len(videos))], saved["sides"]
    kept = [i for i, of_one in enumerate(crops) if len(of_one)]
    return Clips([videos[i] for i in kept], [crops[i] for i in kept], sides[kept])


def network_of(path: Path, rules: Preprocessing = RULES) -> tuple[Network, Reference]:
    """Of a checkpoint, with its reference, or the running average in a stage's file. Ends the program if it expects faces cut otherwise."""
    if path.suffix == ".safetensors":
        checkpoint = load_checkpoint(path)
        if checkpoint.contract.preprocessing != rules:
            raise SystemExit(f"{path}: expects faces by {checkpoint.contract.preprocessing}, and they are cut by {rules}")
        return checkpoint.build_network(), checkpoint.contract.reference
    average = torch.load(path, map_location="cpu", weights_only=True)["average"]
    blocks = [len({n.split(".")[-3] for n in average if f"layer{k}." in n and n.endswith("conv1.weight")}) for k in (1, 2, 3, 4)]
    stem, inner, outer = (int(average[f"backbone.{n}.weight"].shape[0]) for n in ("conv1", "layer1.0.conv1", "layer1.0.conv3"))
    network = Network(Architecture("in training", tuple(blocks), inner, outer // 4, stem), dropout=0.0)  # type: ignore[arg-type]
    network.load_state_dict(average)
    return network.eval(), NO_REFERENCE


def mean_logits(scorer: Scorer, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    logits = scorer.logits(np.concatenate(list(crops)))
    ends = np.cumsum([len(of_one) for of_one in crops])[:-1]
    return np.array([float(part.mean()) for part in np.split(logits, ends)])


def row(name: str, clips: Clips, chosen: NDArray[np.int64], scores: NDArray[np.float64], quality: NDArray[np.float64]) -> str:
    """One slice: AUC with its interval, pairs ordered rightly, what quality alone gives."""
    labels, scenes = clips.labels[chosen], np.array([clips.videos[i].group for i in chosen])
    auc = roc_auc(labels, scores)
    low, high = bootstrap_interval(roc_auc, labels, scores, groups=scenes.tolist())
    pairs = [(scores[(scenes == s) & (labels == 0)], scores[(scenes == s) & (labels == 1)]) for s in dict.fromkeys(scenes.tolist())]
    pairs = [(real, fake) for real, fake in pairs if len(real) and len(fake)]
    won = f"{sum(fake.mean() > real.mean() for real, fake in pairs):2d} of {len(pairs)}" if len(pairs) > 5 else ""
    counts = f"{int(labels.sum())} fakes, {int((1 - labels).sum())} reals"
    alone = roc_auc(labels, quality_scores(quality, labels, scenes.tolist()))
    return f"  {name:<38} {auc:.3f} ({low:.3f} to {high:.3f})  {won:<9} {counts:<22} quality alone {alone:.3f}"


def against_each_kind(clips: Clips, scores: NDArray[np.float64]) -> Iterator[str]:
    """AUC of each family against the reals of one origin. If it varies between origins, the score depends on how clips were filmed and
    coded.
    """
    kinds = Counter(video.method for video in clips.videos if not video.label)
    for family in FAMILIES:
        fakes = clips.where(lambda video, family=family: bool(video.label) and family_of(video.method) == family)
        if not len(fakes):
            continue
        aucs = []
        for kind, count in kinds.items():
            if count >= FEWEST_OF_A_KIND:
                reals = clips.where(lambda video, kind=kind: not video.label and video.method == kind)
                both = np.concatenate([reals, fakes])
                aucs.append(f"{kind} ({count}) {roc_auc(clips.labels[both], scores[both]):.2f}")
        if aucs:
            yield f"  {family} against reals of one kind: {', '.join(aucs)}"


def report(clips: Clips, scorer: Scorer) -> list[str]:
    scores = mean_logits(scorer, clips.crops)
    quality = np.stack([quality_of(crops, side) for crops, side in zip(clips.crops, clips.sides, strict=True)])
    lines = []
    for start in SCENES:
        chosen = clips.where(lambda video, start=start: video.method.startswith(start))
        if len(chosen):
            lines.append(row(f"{start} pairs", clips, chosen, scores[chosen], quality[chosen]))
            lines.append(matched_row(f"{start} pairs, sharpness matched", clips, chosen, scorer))
    for family in FAMILIES:
        chosen = clips.where(lambda video, family=family: not video.label or family_of(video.method) == family)
        if clips.labels[chosen].any():
            lines.append(row(f"{family} against all reals", clips, chosen, scores[chosen], quality[chosen]))
    kinds = sorted({video.method for video in clips.videos if not video.label})
    means = [f"{kind} {scores[clips.where(lambda v, kind=kind: not v.label and v.method == kind)].mean():+.2f}" for kind in kinds]
    return [*lines, *against_each_kind(clips, scores), "  mean logit of reals: " + ", ".join(means)]


def matched_row(name: str, clips: Clips, chosen: NDArray[np.int64], scorer: Scorer) -> str:
    """Of each scene's first real and fake, brought to one sharpness."""
    crops, kept = [], []
    for scene in dict.fromkeys(clips.videos[i].group for i in chosen):
        of_scene = [i for i in chosen if clips.videos[i].group == scene]
        pair = [next((i for i in of_scene if clips.videos[i].label == label), None) for label in (0, 1)]
        if None not in pair:
            crops += sharpness_matched(*(clips.crops[i] for i in pair))  # type: ignore[index,arg-type]
            kept += pair
    places = np.array(kept, np.int64)
    quality = np.stack([quality_of(part, side) for part, side in zip(crops, clips.sides[places], strict=True)])
    return row(name, clips, places, mean_logits(scorer, crops), quality)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--input-size", type=int, default=RULES.input_size)
    parser.add_argument("--crop-margin", type=float, default=RULES.crop_margin)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--reference", nargs=3, metavar=("QUALITY", "WEIGHT", "SIDE"), help="instead of the weights' own; 0 0 0 for none")
    arguments = parser.parse_args()
    rules = Preprocessing(input_size=arguments.input_size, crop_margin=arguments.crop_margin)
    clips = read_clips(arguments.manifest, arguments.crops, rules)
    for path in arguments.weights:
        network, reference = network_of(path, rules)
        if arguments.reference:
            quality, weight, side = arguments.reference
            reference = Reference(int(quality), float(weight), int(side))
        print(f"{path}, {reference}")
        scorer = Scorer(relative(TorchEngine(network, rules, arguments.device), reference), rules)
        print("\n".join(report(clips, scorer)), flush=True)


if __name__ == "__main__":
    main()
