"""Compares `screener scan` with a straightforward script on the same frames of the same clips, in turns, with models loaded in both.

    python scripts/bench_vs_naive.py [CLIP...] [--repeats 5] [--sizes 480p 720p 1080p] [--people 1 3 10] [--own-channels]

The straightforward script is `first_script.py`, in a separate process. Both use the same weights and all cores. By default clips are
generated (one portrait repeated: they measure time, not accuracy). Prints, for each clip, both times in CPU seconds and wall time, the
ratio with its range over the repeats, and the ratio to the floor. --own-channels measures weights whose channels are all different: the
default weights repeat channels, which `screener` computes once and the first script every time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

POLICY_OF_THE_USER = os.environ.get("OMP_WAIT_POLICY")  # before screener sets its own

from screener import ScanSettings, Screener  # noqa: E402
from screener.bench import SIZES_WH, Bench, Spent, bench_with, make_clip, spending  # noqa: E402
from screener.checkpoint import load_checkpoint  # noqa: E402


class FirstScript:
    """The other process."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        if POLICY_OF_THE_USER is not None:
            environment["OMP_WAIT_POLICY"] = POLICY_OF_THE_USER
        script = Path(__file__).with_name("first_script.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def scan(self, clip: Path, wanted: list[int]) -> tuple[int, Spent]:
        """How many faces it has scored in the frames of these numbers, and what it spent."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"clip": str(clip), "wanted": wanted}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return len(answer["scores"]), Spent(answer["wall_seconds"], answer["cpu_seconds"])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def measure(clip: Path, screener: Screener, first: FirstScript, repeats: int) -> tuple[list[Spent], list[Spent], Bench]:
    """What each spent in each repeat, in turns; and the stages of ours."""
    verdict = screener.scan(clip)
    wanted = sorted({score.frame_index for score in verdict.frames})
    faces, _ = first.scan(clip, wanted)
    width, height = verdict.video.size_wh
    print(f"{clip.stem}: {width}x{height}, {verdict.video.frames_decoded} frames, {len(wanted)} looked at")
    print(f"  faces: {faces} in the first script, {len(verdict.frames)} judged by ours")
    theirs, ours = [], []
    for _ in range(repeats):
        theirs.append(first.scan(clip, wanted)[1])
        with spending() as spent:
            screener.scan(clip)
        ours.append(spent)
    return theirs, ours, bench_with(screener, clip, repeats)


def show(theirs: list[Spent], ours: list[Spent], stages: Bench) -> None:
    for name, seconds in (("CPU", lambda spent: spent.cpu_seconds), ("wall", lambda spent: spent.wall_seconds)):
        ratios = [seconds(a) / seconds(b) for a, b in zip(theirs, ours, strict=True)]
        print(
            f"  {name:<5}first script {median(map(seconds, theirs)):6.2f} s   ours {median(map(seconds, ours)):5.2f} s   "
            f"ratio {median(ratios):5.1f} ({min(ratios):.1f} to {max(ratios):.1f})   "
            f"floor {seconds(stages.floor):5.2f} s, ours {seconds(stages.stages['total']) / seconds(stages.floor):.2f} times that",
            flush=True,
        )
    rate, best = (stages.crops / stages.stages[name].wall_seconds for name in ("scoring", "bare network"))
    parts = ", ".join(
        f"{name} {stages.stages[name].cpu_seconds:.2f}" for name in ("decode", "plain decode", "faces", "scoring", "bare network")
    )
    print(f"  scoring {rate:.1f} crops/s, {100 * rate / best:.0f} % of the bare network; CPU seconds alone: {parts}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="*")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=sorted(SIZES_WH), default=list(SIZES_WH))
    parser.add_argument("--people", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips that are made")
    parser.add_argument("--own-channels", action="store_true")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint()
    screener = Screener(ScanSettings(), checkpoint.written_out() if arguments.own_channels else checkpoint)
    first = FirstScript()
    print(f"{screener.scorer.device}, {screener.scorer.dtype_name}, {screener.cores} cores; in turns, {arguments.repeats} times\n")
    with tempfile.TemporaryDirectory() as folder:
        made = [(size, people) for size in arguments.sizes for people in arguments.people] if not arguments.clips else []
        for size, people in made:
            clip = Path(folder) / f"{size}, {people} {'person' if people == 1 else 'people'}.mp4"
            make_clip(clip, SIZES_WH[size], people, arguments.seconds)
            show(*measure(clip, screener, first, arguments.repeats))
            clip.unlink()
        for clip in arguments.clips:
            show(*measure(clip, screener, first, arguments.repeats))
    first.close()


if __name__ == "__main__":
    main()
