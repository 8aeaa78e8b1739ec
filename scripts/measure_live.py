"""Measures delay, dropped frames, frame rate and memory of `screener live` on a 720p stream of 30 frames per second with one face.

    python scripts/measure_live.py [--minutes 10] [--pipe] [CLIP]

Another process encodes the clip in an endless loop, forwards and backwards, and sends it as MPEG-TS over HTTP on this machine (or through a
named pipe), in real time; its CPU usage is part of the measurement. Exits with 1 if delay or memory exceed their limits.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

import screener

SIZE_WH = (1280, 720)
RATE = 30
MOST_MEDIAN_SECONDS, MOST_P95_SECONDS, MOST_GROWTH_KB = 1.0, 2.0, 50 * 1000
SETTLED_SECONDS = 30.0
"""Libraries, caches and the window have filled by then; memory is compared from here on."""


def pictures(clip: Path) -> list[av.VideoFrame]:
    """The frames of the clip in the middle of a grey 720p picture, scaled to its height."""
    found = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            width = round(frame.width * SIZE_WH[1] / frame.height / 2) * 2
            small: NDArray[np.uint8] = frame.reformat(width, SIZE_WH[1], format="rgb24").to_ndarray()
            canvas = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
            left = max(0, (SIZE_WH[0] - width) // 2)
            canvas[:, left : left + width] = small[:, : SIZE_WH[0]]
            found.append(av.VideoFrame.from_ndarray(canvas, format="rgb24").reformat(format="yuv420p"))
    return found


def send(clip: Path, place: Any) -> None:
    """Encode and send in real time until nobody listens. place: path of a pipe, or a listening socket."""
    frames = pictures(clip)
    while True:
        if isinstance(place, socket.socket):
            connection, _ = place.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
            target: Any = connection.makefile("wb", buffering=0)
        else:
            target = open(place, "wb", buffering=0)  # noqa: SIM115
        try:
            _stream(frames, target)
        except (OSError, av.FFmpegError):
            continue  # nobody listens any more


def _stream(frames: list[av.VideoFrame], target: Any) -> None:
    with av.open(target, "w", format="mpegts", options={"flush_packets": "1"}) as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(RATE), "threads": "1"}
        started = time.monotonic()
        for number, frame in enumerate(itertools.cycle([*frames, *frames[-2:0:-1]])):
            time.sleep(max(0.0, started + number / RATE - time.monotonic()))
            frame.pts, frame.pict_type = number, 0
            output.mux(stream.encode(frame))


def memory_kb(process: int) -> int:
    """Resident memory of a process; 0 where it cannot be read."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def children_kb(sender: int) -> int:
    """Of the decoding processes: this one's children but for the sender."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    found: Iterator[str] = itertools.chain.from_iterable((task / "children").read_text().split() for task in tasks.iterdir())
    return sum(memory_kb(int(child)) for child in found if int(child) != sender)


def measure(source: str, sender: int, seconds: float, threads: int | None) -> int:
    if threads:
        import torch

        torch.set_num_threads(threads)
    first: tuple[int, int] | None = None
    kb = (0, 0)
    noted = 5.0
    outcomes: dict[str, int] = {}
    with screener.live(source, screener.LiveSettings(duration_seconds=seconds)) as watch:
        for update in watch:
            outcomes[update.outcome] = outcomes.get(update.outcome, 0) + 1
            if update.state != "ended":
                kb = memory_kb(os.getpid()), children_kb(sender)
                if first is None and update.seconds >= min(SETTLED_SECONDS, seconds / 2):
                    first = kb
            for event in update.events:
                if event.kind in ("lost", "stale", "reconnected"):
                    print(f"  {update.seconds:6.1f} s  {event.kind} {event.details}")
            if update.seconds >= noted:
                noted += 60.0
                stats = update.stats
                middle, late = stats.delay_median_seconds or 0.0, stats.delay_p95_seconds or 0.0
                print(
                    f"  {update.seconds:6.1f} s  {update.state}  received {stats.received_fps:.1f}/s  judged {stats.judged_fps:.1f}/s  "
                    f"dropped {stats.frames_dropped} of {stats.frames_received}  delay {middle:.3f} s, 95 % {late:.3f} s  "
                    f"memory {kb[0]} + {kb[1]} kB",
                    flush=True,
                )
            summary = next((event.details for event in update.events if event.kind == "summary"), None)
    assert summary is not None
    first = first or kb
    growth = sum(kb) - sum(first)
    print(
        f"{summary['watched_seconds']:.0f} s at {SIZE_WH[0]}x{SIZE_WH[1]}, {RATE} frames per second: {summary['outcome']}, "
        f"{summary['coverage']}, {summary['outages']} outages"
    )
    print(
        f"frames {summary['video']['frames_decoded']}, dropped {summary['frames_dropped']}, judged {summary['video']['frames_judged']} "
        f"({summary['video']['frames_judged'] / summary['watched_seconds']:.1f}/s)"
    )
    middle, late = summary["delay_median_seconds"], summary["delay_p95_seconds"]
    print(f"delay median {middle:.3f} s (allowed {MOST_MEDIAN_SECONDS:g}), 95 % {late:.3f} s (allowed {MOST_P95_SECONDS:g})")
    print(f"memory kB, own + decoder: start {first[0]} + {first[1]}, end {kb[0]} + {kb[1]}, growth {growth} (allowed {MOST_GROWTH_KB})")
    print(f"updates by outcome: {outcomes}")
    return int(middle > MOST_MEDIAN_SECONDS or late > MOST_P95_SECONDS or growth > MOST_GROWTH_KB)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=Path(__file__).resolve().parents[1] / "examples" / "genuine.mp4")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pipe", action="store_true", help="send through a named pipe instead of HTTP")
    parser.add_argument("--threads", type=int, help="threads of the network; PyTorch's choice otherwise")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        source, place = f"http://127.0.0.1:{server.getsockname()[1]}/stream.ts", server
        if options.pipe:
            source = place = str(Path(folder) / "stream")  # type: ignore[assignment]
            os.mkfifo(source)
        sender = multiprocessing.get_context("fork").Process(target=send, args=(options.clip, place), daemon=True)
        sender.start()
        try:
            return measure(source, sender.pid or 0, options.minutes * 60, options.threads)
        finally:
            sender.kill()
            sender.join()


if __name__ == "__main__":
    sys.exit(main())
