"""Measures how often outcomes hold after re-compression, down-scaling and blur (`scan --stress`), by kind of clip.

    python scripts/measure_stress.py MANIFEST.csv [--frames 12] [--checkpoint PATH] [--jsonl FILE] [--check 10]

The manifest has the columns path,label,method, with paths relative to it. Prints for each slice: number of clips, how many outcomes hold
after every change, how many clips are decided (fake or genuine), how many of those outcomes hold, and how many become undecided, or the
opposite, after some change. `--check N` also judges every N-th clip with whole frames changed before face detection, as `screener evaluate
--perturb` does, and prints how far scores and outcomes differ from the stress test, which changes only the surroundings of each face.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from screener import ScanSettings, Screener, Verdict
from screener.evaluation.methods import family_of
from screener.perturbation.applied import STRESS
from screener.record_stress import tipping

DECIDED = ("fake", "genuine")


def main() -> None:
    """Judge every clip and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--jsonl", type=Path, help="keep the verdicts there")
    parser.add_argument("--check", type=int, default=0, help="of every so manieth clip, judge whole changed frames as well")
    chosen = parser.parse_args()
    with chosen.manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    screener = Screener(ScanSettings(frames=chosen.frames, thumbnails=0, stress=True, provenance=False), chosen.checkpoint)
    found = []
    for row in rows:
        verdict = screener.scan(chosen.manifest.parent / row["path"])
        found.append((row, verdict))
        if chosen.jsonl:
            with chosen.jsonl.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps({"row": row, "verdict": verdict.to_dict()}) + "\n")
    print_slices(found)
    print_changes(found)
    if chosen.check:
        print_check(found[:: chosen.check], chosen)


def slices(found: Sequence[tuple[dict[str, str], Verdict]]) -> dict[str, list[Verdict]]:
    """Real clips, and fakes by family, and all by outcome, by size of the picture and by size of the face."""
    kinds: dict[str, Callable[[dict[str, str], Verdict], str]] = {
        "clips": lambda row, v: "real" if row["label"] == "real" else family_of(row["method"]),
        "outcome": lambda row, v: f"{row['label']}, {v.outcome}",
        "shorter side": lambda row, v: "below 360 px" if min(v.video.size_wh) < 360 else "360 px and more",
        "face": lambda row, v: "below 106 px" if face_px(v) < 106 else "106 to 144 px" if face_px(v) < 144 else "144 px and more",
    }
    parts: dict[str, list[Verdict]] = {}
    for kind, of in kinds.items():
        for row, verdict in found:
            parts.setdefault(f"{kind}: {of(row, verdict)}", []).append(verdict)
    order = list(kinds)
    return dict(sorted(parts.items(), key=lambda part: (order.index(part[0].partition(":")[0]), part[0])))


def face_px(verdict: Verdict) -> float:
    """Of the person with the largest face."""
    return max((person.face_px_median for person in verdict.people), default=0.0)


def print_slices(found: Sequence[tuple[dict[str, str], Verdict]]) -> None:
    """A row for each slice."""
    print(f"{'slice':<32}{'clips':>6}{'all hold':>12}{'decided':>9}{'all hold':>10}{'lost':>6}{'reversed':>10}")
    for name, verdicts in {**slices(found), "all": [verdict for _, verdict in found]}.items():
        tested = [verdict for verdict in verdicts if verdict.stress]
        decided = [verdict for verdict in tested if verdict.outcome in DECIDED]
        lost = sum(any(one.outcome == "undecided" for one in verdict.stress) for verdict in decided)
        turned = sum(any(one.outcome in DECIDED for one in tipping(verdict.stress, verdict.outcome)) for verdict in decided)
        print(f"{name:<32}{len(tested):>6}{held(tested):>12}{len(decided):>9}{held(decided):>10}{lost:>6}{turned:>10}")


def held(verdicts: Sequence[Verdict]) -> str:
    """How many outcomes every change leaves as they are."""
    return f"{sum(not tipping(v.stress, v.outcome) for v in verdicts)} of {len(verdicts)}"


def print_changes(found: Sequence[tuple[dict[str, str], Verdict]]) -> None:
    """A row for each change: how many outcomes it leaves, and by how much it moves the score of a video."""
    tested = [verdict for _, verdict in found if verdict.stress]
    print(f"\n{'change':<30}{'fake holds':>12}{'genuine holds':>15}{'undecided holds':>17}{'score moves by':>16}{'no score':>10}")
    for number, applied in enumerate(STRESS):
        cells = []
        for outcome in ("fake", "genuine", "undecided"):
            such = [verdict for verdict in tested if verdict.outcome == outcome]
            cells.append(f"{sum(v.stress[number].outcome == outcome for v in such)} of {len(such)}")
        moves = [after - v.p_fake for v in tested if v.p_fake is not None and (after := v.stress[number].p_fake) is not None]
        gone = sum(v.p_fake is not None and v.stress[number].p_fake is None for v in tested)
        print(f"{applied.words:<30}{cells[0]:>12}{cells[1]:>15}{cells[2]:>17}{np.mean(moves) if moves else np.nan:>+16.3f}{gone:>10}")


def print_check(found: Sequence[tuple[dict[str, str], Verdict]], chosen: Any) -> None:
    """Against whole frames that are changed before anyone looks for faces."""
    screener = Screener(ScanSettings(frames=chosen.frames, thumbnails=0, provenance=False), chosen.checkpoint)
    print(f"\n{'against whole frames changed':<30}{'clips':>6}{'same outcome':>14}{'median |dp|':>13}{'worst':>8}")
    for number, applied in enumerate(STRESS):
        same, apart = 0, []
        for row, verdict in found:
            path = chosen.manifest.parent / row["path"]
            whole = screener.scan(path, frame_transform=applied.transform(path.name))
            after = verdict.stress[number] if verdict.stress else None
            same += after is not None and after.outcome == whole.outcome
            if after is not None and after.p_fake is not None and whole.p_fake is not None:
                apart.append(abs(after.p_fake - whole.p_fake))
        print(f"{applied.words:<30}{len(found):>6}{same:>14}{np.median(apart):>13.4f}{max(apart):>8.4f}")


if __name__ == "__main__":
    main()
