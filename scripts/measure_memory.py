"""Compares the peak memory of scans of a ten-second and an hour-long clip: it must not grow with length.

    python scripts/measure_memory.py CLIP [--frames 32]

Linux only. Loops CLIP to both lengths without re-encoding, scans each in a process of its own, and prints the peaks. Exits 1 above
200 MB of difference.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

ALLOWED_MB = 200


def loop(clip: Path, target: Path, seconds: float) -> None:
    """The packets of `clip` over and over, their times moved on, until `target` lasts `seconds`."""
    with av.open(str(target), "w") as out:
        written, stream = Fraction(0), None
        while written < seconds:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                base, length = video.time_base, Fraction(0)
                offset = round(written / base)
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    length = max(length, (packet.pts + (packet.duration or 0)) * base)
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
                written += length


def peak_mb(clip: Path, frames: int) -> float:
    """Largest resident size of a fresh `screener scan`, its decoding process included."""
    code = (
        "import os, re, resource, sys; import screener;"
        f"v = screener.scan(sys.argv[1], frames={frames});"
        "own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "children = [int(p) for p in open(f'/proc/self/task/{os.getpid()}/children').read().split()];"
        "decoder = sum(int(re.search(r'VmHWM:\\s+(\\d+)', open(f'/proc/{p}/status').read())[1]) for p in children);"
        "print(v.coverage, v.video.frames_decoded, 'frames decoded; kB: own', own, 'decoder', decoder, 'peak', own + decoder)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(clip)], capture_output=True, text=True, check=True)
    print(f"  {clip.name}: {done.stdout.strip()}")
    found = re.search(r"peak (\d+)", done.stdout)
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=32)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for name, seconds in (("ten-seconds.mp4", 10), ("one-hour.mp4", 3600)):
            loop(arguments.clip, Path(folder) / name, seconds)
            peaks[name] = peak_mb(Path(folder) / name, arguments.frames)
    difference = peaks["one-hour.mp4"] - peaks["ten-seconds.mp4"]
    print(
        f"ten seconds {peaks['ten-seconds.mp4']:.0f} MB, one hour {peaks['one-hour.mp4']:.0f} MB, difference {difference:+.0f} "
        f"MB (allowed {ALLOWED_MB})"
    )
    sys.exit(1 if difference > ALLOWED_MB else 0)


if __name__ == "__main__":
    main()
