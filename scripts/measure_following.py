"""Measures what `--detect-every` misses and saves against a whole search of every frame, as a scan of sampled frames does it.

    python scripts/measure_following.py [CLIP_OR_FOLDER...] [--every 4] [--frames 32]

On made scenes with faces of the package's specimen, 0.3 seconds apart: one person, crowds, people who enter, cuts, small faces, and
passers-by. With arguments also on those clips, sampled as `scan` samples them. A face of the whole search counts as found when a box
overlaps it by half. `late` is for how many frames in a row one face was missed at most, `shift` how far a corner of the box lies from the
whole search's at the median and the 95th percentile, in face sizes. CPU milliseconds a frame are those of one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from screener import ScanSettings
from screener.bench import SIZES_WH
from screener.doctor.specimen import make_specimen
from screener.faces import FaceDetector, MtcnnDetector
from screener.records import FaceBox, Frame
from screener.runtime.allocator import keep_freed_memory
from screener.runtime.cores import use_one_core
from screener.scanning.cropping import groups_of
from screener.scanning.models import DETECT_EVERY
from screener.scanning.searching import Searching
from screener.tracking.boxes import iou_matrix
from screener.video import SourceFailure, expand_sources, open_video

APART_SECONDS = 0.3
FOUND_IOU, SAME_FACE_IOU = 0.5, 0.3
SIZES_PX = (0, 24, 40, 100_000)

Placed = list[tuple[float, float, float]]
"""Faces of one frame: centre as a share of width and height, and side in pixels."""


@dataclass
class Figures:
    """What was found in one kind of video. sizes: (size in the picture that is searched, found) of each face of the whole search."""

    sizes: list[tuple[float, bool]] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    late: int = 0
    extra: int = 0
    frames: int = 0
    whole: int = 0
    seconds: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(2))


class Counting:
    """A detector that counts its whole searches."""

    def __init__(self, detector: FaceDetector) -> None:
        self.detector, self.whole = detector, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.detector, name)

    def detect(self, picture_rgb: np.ndarray[Any, Any]) -> list[FaceBox]:
        self.whole += 1
        return self.detector.detect(picture_rgb)


def one_person(number: int, _: np.random.Generator) -> Placed:
    return [(0.5 + 0.02 * np.sin(number), 0.5 + 0.02 * np.cos(2 * number), 260)]


def crowd(number: int, _: np.random.Generator) -> Placed:
    return [((n % 6 + 0.5) / 6 + 0.006 * np.sin(number + n), (n // 6 + 0.5) / 5, 62) for n in range(30)]


def entries(number: int, _: np.random.Generator) -> Placed:
    """A new face every third frame, of every size, until there are ten."""
    sides = (300, 150, 90, 60, 44, 36, 30, 250, 70, 40)
    return [((n % 5 + 0.5) / 5, 0.25 + 0.5 * (n // 5) + 0.005 * np.sin(number + n), sides[n]) for n in range(min(10, 1 + number // 3))]


def cuts(number: int, _: np.random.Generator) -> Placed:
    """Another arrangement of one to four people every fifth frame."""
    shot = np.random.default_rng(number // 5)
    count = int(shot.integers(1, 5))
    return [
        ((n + 0.5) / count, float(shot.uniform(0.35, 0.65)), float(np.exp(shot.uniform(np.log(40), np.log(260))))) for n in range(count)
    ]


def small(number: int, _: np.random.Generator) -> Placed:
    return [((n + 0.5) / 8 + 0.01 * np.sin(number / 2 + n), 0.3 + 0.4 * (n % 2), 26 + 4 * n) for n in range(8)]


def passers_by(number: int, _: np.random.Generator) -> Placed:
    """One who stays, and three who cross the picture, a share of their own width further in each frame."""
    crossing = [
        ((number * step * side / 1000 + n / 3) % 1.1, 0.25 + 0.25 * n, side)
        for n, (side, step) in enumerate([(60, 0.4), (110, 0.7), (40, 1.0)])
    ]
    return [(0.5, 0.5, 220), *crossing]


SCENES: dict[str, Callable[[int, np.random.Generator], Placed]] = {
    "one person": one_person, "crowd of 30": crowd, "entries": entries, "cuts": cuts, "small faces": small, "passers-by": passers_by,
}  # fmt: skip


def made(scene: Callable[[int, np.random.Generator], Placed], size_wh: tuple[int, int], count: int) -> Iterator[Frame]:
    """Sides of faces are those in 1280x720, and scaled to other sizes."""
    width, height = size_wh
    rng = np.random.default_rng(7)
    faces = [frame[40:-40, 40:-40] for frame in make_specimen().genuine]
    for number in range(count):
        cells = np.random.default_rng(number // 5 if scene is cuts else 3).integers(60, 180, (9, 16, 3), dtype=np.uint8)
        picture = cv2.resize(cells, size_wh, interpolation=cv2.INTER_CUBIC)
        for n, (x, y, side) in enumerate(scene(number, rng)):
            # A tile shows more than its face, by about a half.
            tile = cv2.resize(faces[n % len(faces)], (max(8, round(1.5 * side * height / 720)),) * 2, interpolation=cv2.INTER_AREA)
            paste(picture, tile, round(x * width - tile.shape[1] / 2), round(y * height - tile.shape[0] / 2))
        grain = rng.normal(0, 2.0, picture.shape)
        yield Frame(np.clip(picture + grain, 0, 255).astype(np.uint8), number * APART_SECONDS, number)


def paste(picture: np.ndarray[Any, Any], tile: np.ndarray[Any, Any], left: int, top: int) -> None:
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(picture.shape[1], left + tile.shape[1]), min(picture.shape[0], top + tile.shape[0])
    if x1 > x0 and y1 > y0:
        picture[y0:y1, x0:x1] = tile[y0 - top : y1 - top, x0 - left : x1 - left]


def compare(frames: list[Frame], detector: FaceDetector, every: int, into: Figures) -> None:
    started = time.thread_time()
    whole = [detector.detect(frame.picture_rgb) for frame in frames]
    between = time.thread_time()
    counting = Counting(detector)
    searching = Searching(counting, every)
    quick = [found for group in groups_of(iter(frames), every) for found in searching.faces(group)]
    into.seconds += between - started, time.thread_time() - between
    into.frames += len(frames)
    into.whole += counting.whole
    missed_before: list[tuple[np.ndarray[Any, Any], int]] = []
    for frame, expected, found in zip(frames, whole, quick, strict=True):
        reduced = min(1.0, 640 / max(frame.size_wh))
        missed = []
        for face in expected:
            overlaps = overlap_with(face.box_xyxy, [other.box_xyxy for other in found])
            hit = bool(len(overlaps)) and float(overlaps.max()) >= FOUND_IOU
            into.sizes.append((face.size_px * reduced, hit))
            if hit:
                best = found[int(overlaps.argmax())]
                into.shifts.append(float(np.abs(face.box_xyxy - best.box_xyxy).max()) / face.size_px)
                continue
            earlier = overlap_with(face.box_xyxy, [box for box, _ in missed_before])
            run = 1 + (missed_before[int(earlier.argmax())][1] if len(earlier) and earlier.max() >= SAME_FACE_IOU else 0)
            missed.append((face.box_xyxy, run))
            into.late = max(into.late, run)
        into.extra += sum(
            not len(o := overlap_with(face.box_xyxy, [other.box_xyxy for other in expected])) or o.max() < FOUND_IOU for face in found
        )
        missed_before = missed


def overlap_with(box: np.ndarray[Any, Any], others: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return iou_matrix(box[None].astype(float), np.stack(others).astype(float))[0] if others else np.zeros(0)


def of_clips(names: list[str], frames: int) -> Iterator[list[Frame]]:
    for source in expand_sources(names):
        if isinstance(source, SourceFailure):
            raise SystemExit(source.message)
        with closing(open_video(source, ScanSettings(frames=frames))) as video:
            yield list(video.frames())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--every", type=int, default=DETECT_EVERY)
    parser.add_argument("--frames", type=int, default=32)
    arguments = parser.parse_args()
    keep_freed_memory()
    use_one_core()
    cv2.setNumThreads(1)
    detector = MtcnnDetector()
    kinds: dict[str, Figures] = {}
    for size in ("480p", "1080p"):
        for name, scene in SCENES.items():
            compare(
                list(made(scene, SIZES_WH[size], arguments.frames)),
                detector,
                arguments.every,
                kinds.setdefault(f"{name}, {size}", Figures()),
            )
    for frames in of_clips(arguments.sources, arguments.frames) if arguments.sources else []:
        if frames:
            compare(frames, detector, arguments.every, kinds.setdefault("clips", Figures()))
    ranges = list(pairwise(SIZES_PX))
    labels = "".join(f"{f'from {low} px' if high > 1000 else f'to {high} px':>14}" for low, high in ranges)
    print(f"found of the faces of a whole search, by size in the reduced picture; every {arguments.every} frames")
    print(f"{'':<20}{labels}{'late':>6}{'extra':>7}{'shift, 95 %':>15}{'whole':>8}{'CPU ms a frame':>16}")
    for kind, seen in kinds.items():
        counts = "".join(f"{ratio([hit for size, hit in seen.sizes if low <= size < high]):>14}" for low, high in ranges)
        shift = f"{np.median(seen.shifts):.3f}, {np.percentile(seen.shifts, 95):.3f}" if seen.shifts else "-"
        before, after = 1000 * seen.seconds / seen.frames
        cost = f"{before:.0f} -> {after:.0f}"
        print(f"{kind:<20}{counts}{seen.late:>6}{seen.extra:>7}{shift:>15}{seen.whole / seen.frames:>8.2f}{cost:>16}")


def ratio(hits: list[bool]) -> str:
    return f"{sum(hits)} of {len(hits)}" if hits else "-"


if __name__ == "__main__":
    main()
