"""Measures how many of the faces found at full size are also found on reduced pictures, by face size, and the cost of both.

    python scripts/measure_faces.py [CLIP_OR_PICTURE...] [--pictures 40]

Full size: the same networks on the picture as it is, faces from 20 px up. Without arguments on made pictures of 1, 3, 10 and 30 people in
480p, 720p and 1080p. With arguments, faces cut from those files are set into walls of 1080p in random sizes from 40 to 400 px, so that
pictures are large whatever the clips are. A face counts as found when a box overlaps it by half.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from screener import ScanSettings
from screener.bench import SIZES_WH, make_clip
from screener.faces import MtcnnDetector
from screener.records import FaceBox
from screener.runtime.allocator import keep_freed_memory
from screener.runtime.cores import use_one_core
from screener.tracking.boxes import iou_matrix
from screener.video import SourceFailure, expand_sources, open_video

FULL_SIZE_PX = 1 << 20
EDGES_PX = (20, 40, 60, 100, 200, 100_000)
FOUND_IOU = 0.5
WIDTH, HEIGHT = 1920, 1080


def made(pictures: int) -> Iterator[tuple[str, np.ndarray]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, size_wh in SIZES_WH.items():
            for people in (1, 3, 10, 30):
                clip = Path(folder) / "clip.mp4"
                make_clip(clip, size_wh, people, 2.0)
                for picture in sampled([str(clip)], pictures):
                    yield f"{name}, {people} people", picture


def sampled(names: list[str], frames: int) -> Iterator[np.ndarray]:
    for source in expand_sources(names):
        if isinstance(source, SourceFailure):
            raise SystemExit(source.message)
        with closing(open_video(source, ScanSettings(frames=frames))) as video:
            for frame in video.frames():
                yield frame.picture_rgb


def composed(names: list[str], pictures: int, detector: MtcnnDetector) -> Iterator[tuple[str, np.ndarray]]:
    """Walls of 1080p, each with five faces and what is around them, in a grid so that none covers another."""
    rng = np.random.default_rng(5)
    cut = []
    for picture in sampled(names, 1):
        for face in detector.detect(picture)[:1]:
            x0, y0, x1, y1 = (int(v) for v in face.box_xyxy)
            margin = (x1 - x0) // 2
            part = picture[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin]
            cut.append((part, min(x1 - x0, y1 - y0)))
    for _ in range(pictures):
        cells = rng.integers(40, 200, (12, 20, 3), dtype=np.uint8)
        wall = cv2.resize(cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for column in range(5):
            part, face_px = cut[rng.integers(len(cut))]
            wanted = float(np.exp(rng.uniform(np.log(40), np.log(400))))
            scale = min(wanted / face_px, WIDTH / 5 / part.shape[1], HEIGHT / part.shape[0])
            size = max(8, int(part.shape[1] * scale)), max(8, int(part.shape[0] * scale))
            small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            x = column * WIDTH // 5 + int(rng.integers(0, WIDTH // 5 - size[0] + 1))
            y = int(rng.integers(0, HEIGHT - size[1] + 1))
            wall[y : y + size[1], x : x + size[0]] = small
        yield "composed, 1080p", wall


def is_found(face: FaceBox, among: list[FaceBox]) -> bool:
    boxes = [other.box_xyxy for other in among]
    return (
        bool(boxes) and float(iou_matrix(np.asarray(face.box_xyxy)[None].astype(float), np.stack(boxes).astype(float)).max()) >= FOUND_IOU
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--pictures", type=int, default=None, help="of each kind (3 made, 40 composed)")
    arguments = parser.parse_args()
    keep_freed_memory()
    use_one_core()
    reduced, full = MtcnnDetector(), MtcnnDetector(long_side_px=FULL_SIZE_PX)
    pictures = composed(arguments.sources, arguments.pictures or 40, full) if arguments.sources else made(arguments.pictures or 3)
    faces: dict[str, list[tuple[float, bool]]] = {}
    seconds: dict[str, list[tuple[float, float]]] = {}
    for kind, picture in pictures:
        times = [time.process_time()]
        found = []
        for detector in (full, reduced):
            found.append(detector.detect(picture))
            times.append(time.process_time())
        seconds.setdefault(kind, []).append((times[1] - times[0], times[2] - times[1]))
        faces.setdefault(kind, []).extend((face.size_px, is_found(face, found[1])) for face in found[0])
    ranges = list(pairwise(EDGES_PX))
    header = "".join(f"{f'{low} to {high} px' if high < 1000 else f'from {low} px':>16}" for low, high in ranges)
    print(f"  {'':<22}{'CPU ms a picture':>20}   faces of full-size detection that are found on the reduced picture")
    print(f"  {'':<22}{'full':>10}{'reduced':>10}{header}")
    for kind, times_ in seconds.items():
        cost = "".join(f"{1000 * float(np.mean([pair[n] for pair in times_])):>10.0f}" for n in (0, 1))
        print(f"  {kind:<22}{cost}{''.join(f'{count(faces[kind], low, high):>16}' for low, high in ranges)}")
    everything = [face for of_kind in faces.values() for face in of_kind]
    hits = [hit for size, hit in everything if size >= 60]
    print(f"\n  of {len(hits)} faces of 60 px and more, {sum(hits)} are found: {100 * np.mean(hits):.1f} %")


def count(found: list[tuple[float, bool]], low: float, high: float) -> str:
    inside = [hit for size, hit in found if low <= size < high]
    return f"{sum(inside)} of {len(inside)}" if inside else "-"


if __name__ == "__main__":
    main()
