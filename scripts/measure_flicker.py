"""Measures on labelled clips how much faces flicker against what surrounds them: a trace of forgeries that are made frame by frame.

    python scripts/measure_flicker.py CLIPS/manifest.csv --moments RUN_FOLDER/moments.npz [--weights WEIGHTS --crops RUN_FOLDER/clips.npz]

A moment is a few frames in a row around the largest face. They are moved onto the middle one by optical flow (dense inverse search, Kroeger
et al. 2016, arXiv:1603.03590); what then differs from frame to frame and is no steady change is flicker. It is measured in the upper face,
which moves as a whole, in the lower one, and in the colours of both, each relative to a ring of hair, ears and neck around the face: light,
noise and compression change both alike. Nothing is learnt, and no scan uses it yet: this says what it would find. --weights: also what it
adds to these weights, as in measure_slices.py. Moments are found once and kept in the file that `--moments` names.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from measure_slices import FAMILIES, RULES, SCENES, Clips, mean_logits, network_of, read_clips, row
from numpy.typing import NDArray

from screener.datasets import LabelledItem, read_manifest
from screener.evaluation.methods import family_of
from screener.evaluation.quality import quality_of, sharpness_matched
from screener.faces import MtcnnDetector
from screener.scoring import Scorer, TorchEngine, relative

UInt8 = NDArray[np.uint8]
Floats = NDArray[np.float64]

MOMENTS, FRAMES, SIDE = 8, 4, 128
"""Moments of a clip, frames of a moment, side of its pictures in pixels, of which the face takes a half."""

FIRST_FRAMES = 160
"""Moments are taken from so many frames."""

COARSE_PX = 6.0
"""Standard deviation of the blur that leaves the flicker of areas and removes that of pixels, which is noise and compression."""

REPEATED = 0.15
"""Frames that differ less on average, on values to 255, are one frame shown twice, which a clip of another frame rate has."""

LEAST = np.array([0.03, 0.02])
"""Added to the flicker of brightness and of colours, so that a still picture has none."""

PARTS = ("upper face, brightness", "lower face, brightness", "whole face, colours")
SHARE = 0.5
"""Of the sum of the three parts, beside a network's logit, all in standard deviations over the clips."""


def _areas() -> tuple[NDArray[np.bool_], ...]:
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE

    def ellipse(middle_y: float, half_x: float, half_y: float) -> NDArray[np.bool_]:
        return np.asarray(((x - 0.5) / half_x) ** 2 + ((y - middle_y) / half_y) ** 2 < 1)

    face = ellipse(0.47, 0.19, 0.17)
    return face & (y < 0.5), face & (y >= 0.5), face, ellipse(0.5, 0.42, 0.46) & ~ellipse(0.5, 0.29, 0.33)


UPPER, LOWER, FACE, RING = _areas()


def moments_of(path: Path, detector: MtcnnDetector) -> UInt8:
    """(M, FRAMES, SIDE, SIDE, 3) RGB: evenly spaced moments in which a face was found, each with the box of its middle frame."""
    frames = list(_moving_frames(path))
    found = []
    starts = np.linspace(0, len(frames) - FRAMES, MOMENTS).round().astype(int) if len(frames) >= FRAMES + 2 else ()
    for start in starts:
        moment = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) for frame in frames[start : start + FRAMES]]
        face = max(detector.detect(moment[FRAMES // 2]), key=lambda face: face.size_px, default=None)
        if face is not None:
            found.append([_cut(picture, face.box_xyxy) for picture in moment])
    return np.asarray(found, np.uint8).reshape(-1, FRAMES, SIDE, SIDE, 3)


def _moving_frames(path: Path) -> Iterator[UInt8]:
    video, before = cv2.VideoCapture(str(path.resolve())), None
    for _ in range(FIRST_FRAMES):
        there, frame = video.read()
        if not there:
            return
        small = frame[::4, ::4].astype(np.int16)
        if before is None or np.abs(small - before).mean() > REPEATED:
            yield frame
        before = small


def _cut(picture: UInt8, box_xyxy: NDArray[np.floating]) -> UInt8:
    """A square of twice the longer side of the box, in SIDE x SIDE pixels."""
    left, top, right, bottom = box_xyxy
    scale = SIDE / (2 * max(right - left, bottom - top))
    matrix = np.array([[scale, 0, SIDE / 2 - scale * (left + right) / 2], [0, scale, SIDE / 2 - scale * (top + bottom) / 2]])
    if scale < 0.7:  # softened first, or fine texture would turn into flicker
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.45 / scale - 0.3), np.uint8)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def flicker(moment: UInt8) -> Floats:
    """(FRAMES, SIDE, SIDE, 3) RGB -> (3,) logarithms of the flicker of each of `PARTS` over that of the ring around the face."""
    grey = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in moment]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    still = []
    for picture, its_grey in zip(moment, grey, strict=True):
        moved = flow.calc(grey[FRAMES // 2], its_grey, None)
        onto = cv2.remap(picture, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        still.append(cv2.cvtColor(onto, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    unsteady = [cv2.GaussianBlur(change, (0, 0), COARSE_PX) for change in np.diff(np.stack(still), n=2, axis=0)]

    def of(area: NDArray[np.bool_]) -> Floats:
        values = np.stack([change[area] for change in unsteady])
        spread = np.array([values[..., 0].std(1).mean(), values[..., 1:].std(1).mean()])
        return np.asarray(np.log(spread + LEAST), np.float64)

    around = of(RING)
    return np.array([of(UPPER)[0] - around[0], of(LOWER)[0] - around[0], of(FACE)[1] - around[1]])


def read_moments(videos: list[LabelledItem], cache: Path) -> list[UInt8]:
    if not cache.exists():
        detector = MtcnnDetector()
        np.savez(cache, **{str(i): moments_of(video.path, detector) for i, video in enumerate(videos)})  # type: ignore[arg-type]
    with np.load(cache) as saved:
        return [saved[str(i)] for i in range(len(videos))]


def parts_of(moments: list[UInt8]) -> Floats:
    """(clips, 3): the median over the moments of each clip."""
    return np.stack([np.median([flicker(moment) for moment in of_one], axis=0) for of_one in moments])


def standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean(0)) / values.std(0), np.float64)


def matched(videos: list[LabelledItem], moments: list[UInt8]) -> list[UInt8]:
    """The first real and fake of each scene with one sharpness, both compressed anew; the others as they are."""
    changed = list(moments)
    for scene in {video.group for video in videos if video.method.startswith(SCENES)}:
        pair = [next((i for i, v in enumerate(videos) if (v.group, v.label) == (scene, label)), None) for label in (0, 1)]
        if None not in pair:
            flat = sharpness_matched(*(moments[i].reshape(-1, SIDE, SIDE, 3) for i in pair))  # type: ignore[index]
            for i, pictures in zip(pair, flat, strict=True):
                changed[i] = np.asarray(pictures, np.uint8).reshape(moments[i].shape)  # type: ignore[index,call-overload]
    return changed


def report(clips: Clips, scores: Floats, quality: Floats) -> Iterator[str]:
    for start in SCENES:
        chosen = clips.where(lambda video, start=start: video.method.startswith(start))
        if len(chosen):
            yield row(f"{start} pairs", clips, chosen, scores[chosen], quality[chosen])
    for family in FAMILIES:
        chosen = clips.where(lambda video, family=family: not video.label or family_of(video.method) == family)
        if clips.labels[chosen].any():
            yield row(f"{family} against all reals", clips, chosen, scores[chosen], quality[chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--moments", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--crops", type=Path)
    arguments = parser.parse_args()
    videos = read_manifest(arguments.manifest)
    found = read_moments(videos, arguments.moments)
    kept = [i for i, of_one in enumerate(found) if len(of_one)]
    videos, moments = [videos[i] for i in kept], [found[i] for i in kept]
    middles = [of_one[:, FRAMES // 2] for of_one in moments]
    clips = Clips(videos, middles, np.full(len(videos), SIDE / 2))
    quality = np.stack([quality_of(crops, SIDE / 2) for crops in middles])
    print(f"{len(videos)} clips with moving pictures and a face")
    parts = standard(parts_of(moments))
    for name, scores in [*zip(PARTS, parts.T, strict=True), ("all three", parts.sum(1))]:
        print(f"{name}\n" + "\n".join(report(clips, scores, quality)), flush=True)
    matching = standard(parts_of(matched(videos, moments))).sum(1)
    print("all three, sharpness matched in each scene\n" + "\n".join(list(report(clips, matching, quality))[: len(SCENES)]), flush=True)
    if arguments.weights and arguments.crops:
        faces = read_clips(arguments.manifest, arguments.crops)
        network, reference = network_of(arguments.weights)
        logits = mean_logits(Scorer(relative(TorchEngine(network, RULES), reference), RULES), faces.crops)
        by_path = dict(zip([video.path for video in faces.videos], standard(logits), strict=True))
        alone = np.array([by_path.get(video.path, 0.0) for video in videos])
        for name, scores in (("the weights", alone), ("the weights and all three", alone + SHARE * parts.sum(1))):
            print(f"{name}\n" + "\n".join(report(clips, scores, quality)), flush=True)


if __name__ == "__main__":
    main()
