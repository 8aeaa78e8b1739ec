"""Measures the memory of one run over ten thousand inputs, which must not grow with their number.

    python scripts/measure_batch_memory.py [--inputs 10000] [--plain]

Linux only. Runs the real command, with every output there is (JSON lines, web pages, journal; `--plain` has the rows alone), on small
pictures, clips, broken files and copies, with a tiny network, for what is measured is the batch and not the model. Prints the resident
memory of the command and of its decoding processes on the way. Exits 1 when it grew by more than 20 MB after the first tenth.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from many_inputs import save_tiny, write_inputs

SIDE_PX = 96
ALLOWED_KB = 20 * 1024


def resident_kb(process: int) -> tuple[int, int]:
    """Of the process itself, and of its children together."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return _resident_kb(process), sum(_resident_kb(int(child)) for child in children)


def _resident_kb(process: int) -> int:
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    except FileNotFoundError:  # a decoding process that was replaced this instant
        return 0
    return int(found[1]) if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--plain", action="store_true", help="No web pages and no journal.")
    arguments = parser.parse_args()
    marks = {max(1, arguments.inputs * tenth // 10) for tenth in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_tiny(folder / "tiny.safetensors")
        write_inputs(folder / "inputs", arguments.inputs, SIDE_PX)
        command = [sys.executable, "-m", "screener", "scan", str(folder / "inputs"), "--jsonl", "-o", str(folder / "rows.jsonl")]
        command += ["--checkpoint", str(folder / "tiny.safetensors"), "--device", "cpu", "--frames", "4"]
        command += [] if arguments.plain else ["--report", str(folder / "pages"), "--resume"]
        started, seen = time.monotonic(), []
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace", env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert process.stderr is not None
        for line in process.stderr:
            done = re.match(r"\[(\d+)/", line)
            if done and int(done[1]) in marks:
                own, decoders = resident_kb(process.pid)
                seen.append(own + decoders)
                print(f"{int(done[1]):>7,} inputs  {time.monotonic() - started:6.0f} s  kB: own {own:,}  decoders {decoders:,}", flush=True)
            elif not done:
                print(line, end="")
        rows = len((folder / "rows.jsonl").read_text(encoding="utf-8").splitlines())
        print(f"exit status {process.wait()}, {rows:,} rows")
    grown = max(seen) - seen[0]
    print(f"grown by {grown:,} kB after the first tenth (allowed {ALLOWED_KB:,})")
    sys.exit(1 if grown > ALLOWED_KB or rows != arguments.inputs else 0)


if __name__ == "__main__":
    main()
