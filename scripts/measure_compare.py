"""Measures how often `compare` finds replaced faces, and its false alarms, on labelled scenes and on re-encoded copies of them.

DATA contains a manifest.csv with path,label,group. In each group with both labels, the first real video is compared with each fake, with
copies of itself in other codecs, sizes, rates and qualities, and with unrelated videos.

    python scripts/measure_compare.py DATA [--copies-of 1] [--only GROUP]

Prints a line per comparison and the figures; no pictures are stored. The last figure judges each scene by a threshold chosen on the other
scenes: the geometric mean of the most different copy and the least different replaced face.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from screener.comparison import Comparison, compare
from screener.comparison.records import LEAST_MOMENTS
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video import file_source, open_video


@dataclass(frozen=True)
class Copy:
    """How a copy is encoded. size: of the picture's sides. fps: None keeps every picture at its time."""

    encoder: str
    suffix: str
    options: dict[str, str] = field(default_factory=dict)
    size: float = 1.0
    fps: int | None = None
    level: float = 1.0


COPIES = {
    "h264 crf 18": Copy("libx264", ".mp4", {"crf": "18"}),
    "h264 crf 28": Copy("libx264", ".mp4", {"crf": "28"}),
    "h264 crf 38": Copy("libx264", ".mp4", {"crf": "38"}),
    "h264 half crf 28": Copy("libx264", ".mp4", {"crf": "28"}, 0.5),
    "h264 half crf 38": Copy("libx264", ".mp4", {"crf": "38"}, 0.5),
    "h264 larger crf 23": Copy("libx264", ".mp4", {"crf": "23"}, 1.5),
    "h264 25 fps crf 23": Copy("libx264", ".mp4", {"crf": "23"}, 1.0, 25),
    "h264 brighter crf 23": Copy("libx264", ".mp4", {"crf": "23"}, 1.0, None, 1.12),
    "hevc crf 30": Copy("libx265", ".mp4", {"crf": "30", "preset": "fast", "x265-params": "log-level=none"}),
    "vp9 crf 40": Copy("libvpx-vp9", ".webm", {"crf": "40", "b:v": "0", "deadline": "realtime", "cpu-used": "6"}),
    "av1 crf 45": Copy("libsvtav1", ".mp4", {"crf": "45", "preset": "10"}),
    "mpeg4 q 8, three quarters": Copy("mpeg4", ".mp4", {"qmin": "8", "qmax": "8"}, 0.75),
}


def encode(source: Path, target: Path, copy: Copy) -> Path:
    with open_video(file_source(source), ScanSettings(all_frames=True)) as video, av.open(str(target), "w") as output:
        stream = None
        for number, frame in enumerate(video.frames()):
            picture = _picture(frame, copy)
            if stream is None:
                rate = Fraction(copy.fps) if copy.fps else Fraction(video.facts.frame_rate)
                stream = output.add_stream(copy.encoder, rate=rate, options=copy.options)
                stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
                first, last = frame.pts_seconds, -1
            place = round((frame.pts_seconds - first) * float(rate)) if copy.fps else number
            if place > last:  # a lower rate leaves pictures out
                coded = av.VideoFrame.from_ndarray(picture, format="rgb24")
                coded.pts, last = place, place
                output.mux(stream.encode(coded))
        if stream is not None:
            output.mux(stream.encode())
    return target


def _picture(frame: Frame, copy: Copy) -> np.ndarray:
    picture = frame.picture_rgb
    width, height = (max(2, round(side * copy.size / 2) * 2) for side in frame.size_wh)
    if (width, height) != frame.size_wh:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if copy.size < 1 else cv2.INTER_CUBIC)
    if copy.level != 1:
        picture = np.clip(picture * copy.level, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture)


def said(name: str, found: Comparison) -> str:
    people = " ".join(
        f"{'REPLACED' if person.replaced else 'same' if person.is_judged else 'brief'} {person.difference:.2f}" for person in found.people
    )
    lacks = sum(stretch.kind.startswith("only") for stretch in found.stretches)
    line = f"{found.outcome:<10} {name:<60} {people or 'no face'}{f'  {lacks} lacks' if lacks else ''}"
    print(line, flush=True)
    return found.outcome


def reach(found: Comparison) -> float:
    """The highest threshold at which some face of a comparison would count as replaced; 0 without a face."""
    reached = 0.0
    for person in found.people:
        differences = [moment.difference for moment in person.moments]
        padded = [differences[0], *differences, differences[-1]]
        steady = [float(np.median(padded[place : place + 3])) for place in range(len(differences))]
        runs = [min(steady[place : place + LEAST_MOMENTS]) for place in range(len(steady) - LEAST_MOMENTS + 1)]
        reached = max([reached, *runs])
    if found.outcome == "replaced" and reached < found.threshold:
        raise AssertionError(f"a face counts as replaced at {found.threshold}, and its reach is {reached}")
    return reached


def leave_one_scene_out(reaches: dict[str, dict[bool, list[float]]]) -> None:
    """Print how every scene fares under a threshold of the others. reaches: scene -> whether replaced -> reach of each comparison."""
    thresholds, found, alarms = [], 0, 0
    for left_out, mine in reaches.items():
        others = [of for group, of in reaches.items() if group != left_out]
        highest = max(value for of in others for value in of[False])
        lowest = min(value for of in others for value in of[True] if value > 0)
        threshold = float(np.sqrt(highest * lowest))
        thresholds.append(threshold)
        found += sum(value >= threshold for value in mine[True])
        alarms += sum(value >= threshold for value in mine[False])
    fakes, copies = (sum(len(of[kind]) for of in reaches.values()) for kind in (True, False))
    print(f"\nLeaving one scene out: thresholds {min(thresholds):.2f} to {max(thresholds):.2f}")
    print(f"  replaced {found} of {fakes} pairs, {alarms} of {copies} copies")
    least = sorted(value for of in reaches.values() for value in of[True] if value > 0)[:3]
    most = sorted(value for of in reaches.values() for value in of[False])[-3:]
    for name, values in (("pairs that differ least", least), ("copies that differ most", most)):
        print(f"  {name}: {', '.join(f'{value:.2f}' for value in values)}")


def scenes_of(folder: Path) -> dict[str, tuple[Path, list[tuple[str, Path]]]]:
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            groups[row["group"]].append(row)
    scenes = {}
    for group, rows in groups.items():
        reals, fakes = ([row for row in rows if row["label"] == label] for label in ("real", "fake"))
        if reals and fakes:
            scenes[group] = folder / reals[0]["path"], [(row["method"], folder / row["path"]) for row in fakes]
    return scenes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--copies-of", type=int, default=1, help="Every so many scenes, copies are made of the real video.")
    parser.add_argument("--only", default="", help="Groups whose name begins so.")
    arguments = parser.parse_args()
    scenes = {group: scene for group, scene in scenes_of(arguments.data).items() if group.startswith(arguments.only)}
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    copies: dict[str, Counter[str]] = defaultdict(Counter)
    unrelated: Counter[str] = Counter()
    reaches: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    reals = [real for real, _ in scenes.values()]
    with tempfile.TemporaryDirectory() as folder:
        for number, (group, (real, fakes)) in enumerate(scenes.items()):
            for method, fake in fakes:
                held = compare(real, fake)
                pairs[method][said(f"{group}: {method}", held)] += 1
                reaches[group][True].append(reach(held))
            other = reals[(number + 1) % len(reals)]
            if other != real:
                unrelated[said(f"{group}: unrelated", compare(real, other))] += 1
            for name, copy in COPIES.items() if number % arguments.copies_of == 0 else ():
                made = encode(real, Path(folder) / f"copy{copy.suffix}", copy)
                held = compare(real, made)
                copies[name][said(f"{group}: {name}", held)] += 1
                reaches[group][False].append(reach(held))
    for title, table in (("Pairs", pairs), ("Copies", copies)):
        print(f"\n{title}")
        for name, counts in table.items():
            print(f"  {name:<40} " + ", ".join(f"{outcome} {count}" for outcome, count in counts.most_common()))
        total = sum(table.values(), Counter())
        print(f"  {'all':<40} " + ", ".join(f"{outcome} {count}" for outcome, count in total.most_common()))
    if len(reaches) > 1:
        leave_one_scene_out(reaches)
    print("\nUnrelated: " + ", ".join(f"{outcome} {count}" for outcome, count in unrelated.most_common()))


if __name__ == "__main__":
    main()
