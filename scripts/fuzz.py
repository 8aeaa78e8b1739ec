"""Damages small videos in many ways and compares the reader's result with an independent count of frames.

    python scripts/fuzz.py                        # 2,000 mutants: crashes, hangs, and copies wrongly called completely read
    python scripts/fuzz.py --mutants 0            # until it is interrupted
    python scripts/fuzz.py --mutants 60 --keep FOLDER    # bad mutants are kept there

A mutant is wrongly called complete when the reader names no reason although the number of distinct pictures, as read here or as PyAV
decodes the file by itself, is not that of the undamaged file. No network judges anything: only the reading is tried. A mutant depends
on the seed and its number alone, so that `--first NUMBER --mutants 1` makes it again. Ends with 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import av
from av.error import FFmpegError
from mutants import FRAMES, KINDS, MUTATIONS, NO_DAMAGE, coded_pictures, cut_end, flip_bits, random_bytes, write_clip, zero_block

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.verdict.judging import coverage_of
from screener.video import file_source, open_video

HANG_SECONDS = 30.0
SETTINGS = ScanSettings(all_frames=True, time_limit_seconds=HANG_SECONDS, max_duration_seconds=1e9)


# What the reader says, and what is so.


@dataclass(frozen=True)
class Reading:
    """pictures: distinct ones that came out. coverage: `complete`, `partial` or `none`. failure: "crash", "hang" or nothing."""

    pictures: int
    coverage: str
    failure: str = ""
    reasons: tuple[str, ...] = ()


def read(path: Path) -> Reading:
    """A file through the decoding process, as a scan reads it."""
    started = time.monotonic()
    seen: set[bytes] = set()
    reasons: tuple[str, ...] = ()
    coverage = "none"
    try:
        with open_video(file_source(path), SETTINGS) as video:
            for frame in video.frames():
                seen.add(hashlib.blake2b(frame.picture_rgb.tobytes(), digest_size=16).digest())
            reasons, coverage = video.facts.reasons, coverage_of(video.facts)
    except SourceError as error:
        reasons = (error.reason,)
    failure = "crash" if "decoder_crash" in reasons else ""
    if {"timeout", "limit_time"} & set(reasons) or time.monotonic() - started > HANG_SECONDS:
        failure = "hang"
    return Reading(len(seen), coverage, failure, reasons)


def decodable(path: str) -> int:
    """Distinct pictures that PyAV makes of the first video stream, past every error."""
    seen: set[bytes] = set()
    with suppress(FFmpegError, ValueError, IndexError), av.open(path, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        with suppress(FFmpegError):
            for packet in container.demux(stream):
                with suppress(FFmpegError):
                    seen.update(
                        hashlib.blake2b(frame.to_ndarray(format="rgb24").tobytes(), digest_size=16).digest()
                        for frame in stream.decode(packet)
                    )
    return len(seen)


class Oracle:
    """`decodable` in a process of its own, for a decoder that crashes there says nothing about screener."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def count(self, path: Path) -> int | None:
        """None where the decoder crashed or hung."""
        self._pool = self._pool or ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            return self._pool.submit(decodable, str(path)).result(timeout=4 * HANG_SECONDS)
        except (BrokenProcessPool, TimeoutError):
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            return None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


# The run.


@dataclass(frozen=True)
class Whole:
    """An undamaged file: its bytes, where its pictures lie, how many distinct ones are read and decodable."""

    name: str
    data: bytes
    places: list[tuple[int, int]]
    read: int
    decodable: int | None


def undamaged(folder: Path, oracle: Oracle) -> list[Whole]:
    """Every kind, made and read; raises RuntimeError where the reader does not call it complete."""
    found = []
    for name, kind in KINDS.items():
        path = write_clip(folder / name, kind)
        reading = read(path)
        if reading.coverage != "complete" or reading.pictures != FRAMES:
            raise RuntimeError(f"{name}: undamaged, and read as {reading}")
        found.append(Whole(name, path.read_bytes(), coded_pictures(path), reading.pictures, oracle.count(path)))
    return found


def is_a_recording(whole: Whole, data: bytes) -> bool:
    """Some packets in a row of a transport stream are what a receiver writes that was switched on later or off earlier: no damage."""
    return whole.name.endswith(".ts") and len(data) % 188 == 0 and bytes(data) in whole.data


def mutant(whole: Whole, seed: int, number: int) -> tuple[str, bytes]:
    """(name of the damage, bytes) of one mutant; most are damaged once, some twice."""
    dice = random.Random(f"{seed} {number}")
    names = [name for name in MUTATIONS if (whole.name, name) not in NO_DAMAGE]
    name, data = "", bytearray()
    while not name or is_a_recording(whole, data):
        name = dice.choice(names)
        data = MUTATIONS[name](bytearray(whole.data), dice, whole.places)
    if dice.random() < 0.15 and len(data) > 64:
        again = dice.choice([flip_bits, zero_block, cut_end, random_bytes])
        data = again(data, dice, [(0, len(data))])
    return name, bytes(data)


def verdict_on(path: Path, whole: Whole, oracle: Oracle) -> tuple[str, str]:
    """(column of the table, what was read)."""
    reading = read(path)
    if reading.failure:
        return reading.failure, f"{reading}"
    if reading.coverage != "complete":
        return reading.coverage, ""
    count = oracle.count(path)
    if reading.pictures == whole.read and count == whole.decodable:
        return "complete", ""
    return "false complete", f"read {reading.pictures} of {whole.read}, decodable {count} of {whole.decodable}"


COLUMNS = ("mutants", "complete", "partial", "none", "crash", "hang", "false complete")
BAD = ("crash", "hang", "false complete")


def table(counts: dict[str, Counter[str]]) -> Iterator[str]:
    yield f"{'':28}" + "".join(f"{column:>15}" for column in COLUMNS)
    for name in [*sorted(set(counts) - {"all"}), "all"]:
        yield f"{name:28}" + "".join(f"{counts[name][column]:>15}" for column in COLUMNS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=2000, help="how many; 0 goes on until it is interrupted")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that went wrong")
    arguments = parser.parse_args()
    if not any(arguments.only in name for name in KINDS):
        parser.error(f"--only {arguments.only}: no file is called so; there are {', '.join(KINDS)}")
    counts: dict[str, Counter[str]] = {"all": Counter()}
    oracle = Oracle()
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        wholes = undamaged(Path(folder), oracle)
        wanted = (number for number in itertools.count(arguments.first) if arguments.only in wholes[number % len(wholes)].name)
        for number in itertools.islice(wanted, arguments.mutants or None):
            whole = wholes[number % len(wholes)]
            damage, data = mutant(whole, arguments.seed, number)
            path = Path(folder) / f"mutant-{whole.name}"
            path.write_bytes(data)
            column, said = verdict_on(path, whole, oracle)
            for row in (whole.name, damage, "all"):
                counts.setdefault(row, Counter()).update(["mutants", column])
            if column in BAD:
                print(f"{column}: seed {arguments.seed}, number {number}, {whole.name}, {damage}: {said}", flush=True)
                if arguments.keep:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    (arguments.keep / f"{arguments.seed}-{number}-{whole.name}").write_bytes(data)
    oracle.close()
    print("\n".join(table(counts)))
    return int(any(counts["all"][column] for column in BAD))


if __name__ == "__main__":
    sys.exit(main())
