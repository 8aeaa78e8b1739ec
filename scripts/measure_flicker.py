"""Measures on labelled clips how much faces flicker against what surrounds them: a trace of forgeries that are made frame by frame.

    python scripts/measure_flicker.py CLIPS/manifest.csv --moments RUN_FOLDER/moments.npz [--weights WEIGHTS --crops RUN_FOLDER/clips.npz]

A moment is a few frames in a row around the largest face. They are moved onto the middle one by optical flow (dense inverse search, Kroeger
et al. 2016, arXiv:1603.03590); what then differs from frame to frame and is no steady change is flicker. It is measured in the upper face,
which moves as a whole, in the lower one, in the colours of both, and in their fine detail, each relative to a ring of hair, ears and neck
around the face: light, noise and compression change both alike. Of a clip's moments the lower quartile counts, because in every clip heads
turn at times. Nothing is learnt, and no scan uses it yet: this says what it would find. --weights: also what the colours add to these
weights, as in measure_slices.py. Moments are found once and kept in the file that `--moments` names. "Found" are the fakes above a
threshold for 5 % of the reals that is fitted to other scenes (ten folds, the mean of 40 divisions), beside the reals above it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from measure_slices import FAMILIES, RULES, SCENES, Clips, against_each_kind, holds, mean_logits, network_of, read_clips, row
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

COARSE_PX, FINE_PX = 6.0, 1.0
"""Standard deviations of the blur: one leaves the flicker of areas and removes that of pixels, which also comes from noise and compression;
the other leaves both.
"""

REPEATED = 0.15
"""Frames that differ less on average, on values to 255, are one frame shown twice, which a clip of another frame rate has."""

LEAST = np.array([0.03, 0.02])
"""Added to the flicker of brightness and of colours, so that a still picture has none."""

PARTS = ("upper face, brightness", "lower face, brightness", "whole face, colours", "whole face, fine detail")
COLOURS = 2
QUARTILE = 0.25
SHARE = 0.5
"""Of the flicker of colours, beside a network's logit, both in standard deviations over the clips."""

FOLDS, DIVISIONS, FALSE_ALARMS = 10, 40, 0.05


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
    """(FRAMES, SIDE, SIDE, 3) RGB -> (4,) logarithms of the flicker of each of `PARTS` over that of the ring around the face."""
    grey = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) for picture in moment]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    still = []
    for picture, its_grey in zip(moment, grey, strict=True):
        moved = flow.calc(grey[FRAMES // 2], its_grey, None)
        onto = cv2.remap(picture, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        still.append(cv2.cvtColor(onto, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    unsteady = np.diff(np.stack(still), n=2, axis=0)

    def relative_to_ring(area: NDArray[np.bool_], blur_px: float) -> Floats:
        """Of brightness and of colours."""
        blurred = [cv2.GaussianBlur(change, (0, 0), blur_px) for change in unsteady]
        levels = []
        for place in (area, RING):
            values = np.stack([change[place] for change in blurred])
            levels.append(np.log(np.array([values[..., 0].std(1).mean(), values[..., 1:].std(1).mean()]) + LEAST))
        return np.asarray(levels[0] - levels[1], np.float64)

    coarse = [relative_to_ring(area, COARSE_PX) for area in (UPPER, LOWER, FACE)]
    return np.array([coarse[0][0], coarse[1][0], coarse[2][1], relative_to_ring(FACE, FINE_PX).mean()])


def read_moments(videos: list[LabelledItem], cache: Path) -> list[UInt8]:
    names = [video.name for video in videos]
    if not holds(cache, names):
        detector = MtcnnDetector()
        np.savez(cache, names=names, **{str(i): moments_of(video.path, detector) for i, video in enumerate(videos)})  # type: ignore[arg-type]
    with np.load(cache) as saved:
        return [saved[str(i)] for i in range(len(videos))]


def parts_of(moments: list[UInt8]) -> Floats:
    """(clips, 4): the lower quartile over the moments of each clip."""
    return np.stack([np.quantile([flicker(moment) for moment in of_one], QUARTILE, axis=0) for of_one in moments])


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


def found(clips: Clips, scores: Floats) -> str:
    """How many of each family lie above the threshold for FALSE_ALARMS."""
    scenes = np.array([video.group for video in clips.videos])
    names, labels = np.unique(scenes), clips.labels
    above = np.zeros(len(scores))
    for division in range(DIVISIONS):
        fold = dict(zip(names, np.random.default_rng(division).permutation(len(names)) % FOLDS, strict=True))
        of_clip = np.array([fold[scene] for scene in scenes])
        for number in range(FOLDS):
            reals = np.sort(scores[(of_clip != number) & (labels == 0)])[::-1]
            inside = of_clip == number
            above[inside] += scores[inside] > reals[int(FALSE_ALARMS * len(reals))]
    above /= DIVISIONS
    groups = [("real", labels == 0)]
    groups += [(name, np.array([bool(v.label) and family_of(v.method) == name for v in clips.videos])) for name in FAMILIES]
    return "  found: " + ", ".join(f"{name} {above[chosen].sum():.1f} of {chosen.sum()}" for name, chosen in groups)


def report(clips: Clips, scores: Floats, quality: Floats) -> Iterator[str]:
    for start in SCENES:
        chosen = clips.where(lambda video, start=start: video.method.startswith(start))
        if len(chosen):
            yield row(f"{start} pairs", clips, chosen, scores[chosen], quality[chosen])
    for family in FAMILIES:
        chosen = clips.where(lambda video, family=family: not video.label or family_of(video.method) == family)
        if clips.labels[chosen].any():
            yield row(f"{family} against all reals", clips, chosen, scores[chosen], quality[chosen])
    yield from against_each_kind(clips, scores)
    yield found(clips, scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--moments", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--crops", type=Path)
    arguments = parser.parse_args()
    videos = read_manifest(arguments.manifest)
    stored = read_moments(videos, arguments.moments)
    kept = [i for i, of_one in enumerate(stored) if len(of_one)]
    videos, moments = [videos[i] for i in kept], [stored[i] for i in kept]
    middles = [of_one[:, FRAMES // 2] for of_one in moments]
    clips = Clips(videos, middles, np.full(len(videos), SIDE / 2))
    quality = np.stack([quality_of(crops, SIDE / 2) for crops in middles])
    print(f"{len(videos)} clips with moving pictures and a face")
    parts, with_one_sharpness = (standard(parts_of(which)) for which in (moments, matched(videos, moments)))
    for name, scores, after in zip(PARTS, parts.T, with_one_sharpness.T, strict=True):
        print(f"{name}\n" + "\n".join(report(clips, scores, quality)))
        print("  sharpness matched in each scene:\n" + "\n".join(list(report(clips, after, quality))[: len(SCENES)]), flush=True)
    if arguments.weights and arguments.crops:
        faces = read_clips(arguments.manifest, arguments.crops)
        network, reference = network_of(arguments.weights)
        logits = mean_logits(Scorer(relative(TorchEngine(network, RULES), reference), RULES), faces.crops)
        by_path = dict(zip([video.path for video in faces.videos], standard(logits), strict=True))
        alone = np.array([by_path.get(video.path, 0.0) for video in videos])
        for name, scores in (("the weights", alone), (f"the weights and {PARTS[COLOURS]}", alone + SHARE * parts[:, COLOURS])):
            print(f"{name}\n" + "\n".join(report(clips, scores, quality)), flush=True)


if __name__ == "__main__":
    main()
