"""Benchmark for regressions: whole processes of this tree and of an earlier commit, in alternating pairs on this machine.

    python scripts/bench_regression.py [REF] [--pairs 7] [--allowed 1.05] [--seconds 10]

REF: a tag or commit; by default the last tag. Both trees run with this Python and its libraries, each with its own weights. Prints the
median ratio of CPU and wall time with its range for each command, and exits 1 if the median ratio of CPU time is above `--allowed`. Run it
on an idle machine. Does not compare memory (`measure_memory.py`) or output.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from whole_processes import Spent, spent

from screener.bench import SIZES_WH, make_clip

REPOSITORY = Path(__file__).resolve().parents[1]


def run_of(tree: Path, arguments: list[str]) -> Spent:
    """One run of `screener ARGUMENTS` of a tree."""
    # Installed as editable, the package would be found where it was installed: the tree comes first, and the current folder with it.
    return spent([sys.executable, "-m", "screener", *arguments], (0, 1, 3), folder=tree, PYTHONPATH=str(tree))


def ratios(now: Path, before: Path, arguments: list[str], pairs: int) -> list[Spent]:
    """Of each pair, now over before; which of the two comes first alternates. One run of each is not counted."""
    run_of(now, arguments), run_of(before, arguments)
    found = []
    for number in range(pairs):
        trees = (now, before) if number % 2 else (before, now)
        times = {tree: run_of(tree, arguments) for tree in trees}
        found.append(Spent(times[now].wall / times[before].wall, times[now].cpu / times[before].cpu))
    return found


def last_tag() -> str:
    """Of the commits before this one."""
    return git("describe", "--tags", "--abbrev=0", "HEAD^")


def git(*arguments: str) -> str:
    """What git prints. Ends the program where it fails."""
    ended = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"git {' '.join(arguments)}: {ended.stderr.strip()}")
    return ended.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ref", nargs="?")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--allowed", type=float, default=1.05)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    ref = given.ref or last_tag()
    slower = False
    with tempfile.TemporaryDirectory() as folder:
        before, commands = Path(folder) / "before", {"--help": ["--help"]}
        git("worktree", "add", "--detach", str(before), ref)
        try:
            for size in ("480p", "1080p"):
                clip = Path(folder) / f"{size}.mp4"
                make_clip(clip, SIZES_WH[size], 1, given.seconds)
                commands[f"scan, {size}"] = ["scan", str(clip), "--quiet"]
            print(f"now over {ref}, {given.pairs} pairs; medians, and from least to most")
            for name, arguments in commands.items():
                found = ratios(REPOSITORY, before, arguments, given.pairs)
                words = []
                for kind in ("cpu", "wall"):
                    values = [getattr(one, kind) for one in found]
                    words.append(f"{kind} {median(values):.3f} ({min(values):.3f} to {max(values):.3f})")
                is_slower = median(one.cpu for one in found) > given.allowed
                slower |= is_slower
                print(f"  {name:<14}{words[0]}  {words[1]}{'  SLOWER' if is_slower else ''}")
        finally:
            git("worktree", "remove", "--force", str(before))
    sys.exit(slower)


if __name__ == "__main__":
    main()
