"""Kills a batch with kill -9 at many random moments and repeats it until it is done: the result must equal that of an uninterrupted run.

    python scripts/measure_resume.py [--inputs 200] [--kills 50] [--seed 0] [--frames 4]

Runs the real command with `--resume`, a JSON document and web pages, on small inputs with a tiny network. After each kill it looks for
half-written files; after each finished batch it holds document and pages against those of one undisturbed run without a journal, timings
left out, and counts in the journal what was judged twice. When a batch is done before the last kill, another is begun. Exits 1 if
anything differs. POSIX only.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from many_inputs import save_tiny, write_inputs

SIDE_PX = 96
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Small pictures only lose time to more."""
TIMES = re.compile(r"<t[hd][^>]*>Time: .*?</td>|<dt[^>]*>Time: .*?</dd>|\d{4}-\d\d-\d\d(?:<span>)? \d\d:\d\d UTC", re.DOTALL)


class Run:
    """One batch in a folder of its own."""

    def __init__(self, folder: Path, inputs: Path, frames: int) -> None:
        folder.mkdir()
        self.document, self.pages, self.journal = folder / "rows.json", folder / "pages", folder / "rows.json.journal"
        self._folder = folder
        self._command = [sys.executable, "-m", "screener", "scan", str(inputs), "--json", "-o", str(self.document), "--quiet"]
        self._command += ["--report", str(self.pages), "--frames", str(frames), "--device", "cpu"]
        self._command += ["--checkpoint", str(inputs.with_name("tiny.safetensors"))]

    def start(self, resume: bool) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self._command, *(["--resume"] if resume else [])], stdin=subprocess.DEVNULL, env=ONE_THREAD)

    def half_written(self) -> list[str]:
        """Files under their final name that are not whole. Temporary ones may be left until the next run sweeps them away."""
        wrong = [page.name for page in self.pages.glob("[!.]*.html") if not page.read_text(encoding="utf-8").rstrip().endswith("</html>")]
        return wrong + ([self.document.name] if self.document.exists() and not _is_json(self.document) else [])

    def leftovers(self) -> list[Path]:
        return [path for place in (self._folder, self.pages) for path in place.glob(".*")]

    def result(self) -> dict[str, Any]:
        """Everything the run wrote, without the times it took."""
        document = json.loads(self.document.read_text(encoding="utf-8"))
        document["summary"].pop("elapsed_seconds")
        for row in document["inputs"]:
            del row["timing_seconds"], row["scanned_at"]
        pages = {page.name: TIMES.sub("", page.read_text(encoding="utf-8")) for page in self.pages.glob("*.html")}
        return {"document": document, "pages": pages}

    def journal_counts(self) -> dict[str, int]:
        lines = [json.loads(line) for line in self.journal.read_text(encoding="utf-8").splitlines()]
        done = [(line["key"], line["verdict"]["source"]) for line in lines if line.get("event") == "done"]
        return {"done": len(done), "repeated": sum(count - 1 for count in collections.Counter(done).values())}


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    rows = [
        f"row of {a['source']}: " + ", ".join(f"{name} {a[name]!r} not {b[name]!r}"[:200] for name in a if a[name] != b[name])
        for a, b in zip(one["document"]["inputs"], other["document"]["inputs"], strict=False)
        if json.dumps(a) != json.dumps(b)
    ]
    names = sorted(one["pages"].keys() | other["pages"].keys())
    pages = [f"page {name}" for name in names if one["pages"].get(name) != other["pages"].get(name)]
    whole = [] if json.dumps(one["document"]) == json.dumps(other["document"]) else ["the document"]
    return [*rows, *whole, *pages]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=4)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_tiny(folder / "tiny.safetensors")
        write_inputs(folder / "inputs", arguments.inputs, SIDE_PX)
        quiet = Run(folder / "quiet", folder / "inputs", arguments.frames)
        started = time.monotonic()
        status = quiet.start(resume=False).wait()
        quiet_seconds = time.monotonic() - started
        expected = quiet.result()
        print(f"undisturbed: {len(expected['document']['inputs'])} inputs, exit status {status}, {quiet_seconds:.0f} s", flush=True)
        kills = batches = wrong = repeated = half = 0
        while kills < arguments.kills:
            batches += 1
            run = Run(folder / f"batch-{batches}", folder / "inputs", arguments.frames)
            ended = None
            while ended is None:
                process = run.start(resume=True)
                # From the first instruction of the process to well into its work, and for short rests beyond its end.
                ended = _wait(process, moments.uniform(0, quiet_seconds / 4) if kills < arguments.kills else None)
                kills += ended is None
                half += len(run.half_written())
            found, counts = differences(expected, run.result()), run.journal_counts()
            found += [f"left behind: {path.name}" for path in run.leftovers()]
            found += [] if ended == status else [f"exit status {ended}"]
            wrong, repeated = wrong + len(found), repeated + counts["repeated"]
            print(
                f"batch {batches}: done after {kills} kills in all, {counts['done']} inputs judged, differences: {found or 'none'}",
                flush=True,
            )
    print(f"{kills} kills, {batches} batches: {wrong} differences, {repeated} inputs judged twice, {half} files half-written")
    sys.exit(1 if wrong or repeated or half else 0)


def _wait(process: subprocess.Popen[bytes], seconds: float | None) -> int | None:
    """The exit status, or None when the process had to be killed at the given moment."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return None


if __name__ == "__main__":
    main()
