"""Damages small videos in every way at once and holds what the reader says of them against an independent count.

    python scripts/fuzz.py                        # 2,000 mutants: crashes, hangs, and copies wrongly called completely read
    python scripts/fuzz.py --mutants 0            # until it is interrupted, each round with a seed of its own
    python scripts/fuzz.py --mutants 60 --keep FOLDER    # bad mutants are kept there

A mutant is wrongly called complete when the reader names no reason although the number of distinct pictures, as read here or as PyAV
decodes the file by itself, is not that of the undamaged file. No network judges anything: only the reading is tried. A mutant depends
on the seed and its number alone, so that `--first NUMBER --mutants 1` makes it again. Ends with 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.verdict import coverage_of
from screener.video import file_source, open_video

FRAMES = 30
HANG_SECONDS = 30.0
SETTINGS = ScanSettings(all_frames=True, time_limit_seconds=HANG_SECONDS, max_duration_seconds=1e9)

Mutation = Callable[[bytearray, random.Random, list[tuple[int, int]]], bytearray]
"""The bytes, the dice, and where the coded pictures lie (position and size)."""


# The undamaged files.


@dataclass(frozen=True)
class Kind:
    """How one file is made: encoder, its options, those of the container, pixel format, and whether it has sound."""

    codec: str
    options: dict[str, str]
    container: dict[str, str]
    pixels: str = "yuv420p"
    sound: str = ""


X264 = {"preset": "ultrafast", "bf": "2", "g": "10", "b": "900k"}
RATE = {"b": "900k", "g": "10"}
KINDS = {
    "index_end.mp4": Kind("libx264", X264, {}, sound="aac"),
    "index_front.mp4": Kind("libx264", X264, {"movflags": "faststart"}),
    "fragments.mp4": Kind("libx264", X264, {"movflags": "frag_keyframe+empty_moov"}),
    "mpeg4.mp4": Kind("mpeg4", RATE, {}),
    "hevc.mp4": Kind("libx265", {"preset": "ultrafast", "x265-params": "keyint=10:log-level=none"}, {}),
    "av1.mp4": Kind("libsvtav1", {"preset": "12", "svtav1-params": "keyint=10"}, {}),
    "h264.mov": Kind("libx264", X264, {}, sound="aac"),
    "mjpeg.mov": Kind("mjpeg", {}, {}, "yuvj420p"),
    "h264.mkv": Kind("libx264", X264, {}, sound="libopus"),
    "ffv1.mkv": Kind("ffv1", {}, {}),
    "vp9.mkv": Kind("libvpx-vp9", {**RATE, "cpu-used": "8", "deadline": "realtime"}, {}),
    "vp8.webm": Kind("libvpx", {**RATE, "cpu-used": "8", "deadline": "realtime"}, {}),
    "vp9.webm": Kind("libvpx-vp9", {**RATE, "cpu-used": "8", "deadline": "realtime"}, {}, sound="libopus"),
    "mpeg4.avi": Kind("mpeg4", RATE, {}, sound="libmp3lame"),
    "mjpeg.avi": Kind("mjpeg", {}, {}, "yuvj420p"),
    "h264.avi": Kind("libx264", {**X264, "bf": "0"}, {}),
    "h264.ts": Kind("libx264", X264, {}, sound="aac"),
    "mpeg2.ts": Kind("mpeg2video", {**RATE, "bf": "2"}, {}),
    "hevc.ts": Kind("libx265", {"preset": "ultrafast", "x265-params": "keyint=10:log-level=none"}, {}),
    "mpeg1.mpg": Kind("mpeg1video", {**RATE, "bf": "2"}, {}),
    "h264.flv": Kind("libx264", X264, {}),
    "wmv2.wmv": Kind("wmv2", RATE, {}),
    "moving.gif": Kind("gif", {}, {}, "rgb8"),
}


def write_clip(path: Path, kind: Kind) -> Path:
    """FRAMES pictures full of detail, each unlike the others, with a tone beside them."""
    blocks = np.random.default_rng(0).integers(0, 255, (8, 12 + FRAMES, 3), np.uint8)
    with av.open(str(path), "w", options=kind.container) as output:
        stream: Any = output.add_stream(kind.codec, rate=25, options=kind.options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, kind.pixels
        sound: Any = output.add_stream(kind.sound, rate=48000, layout="mono") if kind.sound else None
        for number in range(FRAMES):
            picture = np.kron(blocks[:, number : number + 12], np.ones((8, 8, 1), np.uint8))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format=kind.pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if sound is not None:
            tone = np.sin(np.arange(48000 * FRAMES // 25) / 8).astype(np.float32)[None]
            heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate = 48000
            resampler = av.AudioResampler(sound.codec_context.format.name, "mono", 48000, frame_size=sound.codec_context.frame_size or 1024)
            for block in [*resampler.resample(heard), *resampler.resample(None)]:
                output.mux(sound.encode(block))
            output.mux(sound.encode())
    return path


def coded_pictures(path: Path) -> list[tuple[int, int]]:
    """Where each coded picture lies in the file, as far as the container keeps them in one piece."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    return [(data.index(packet), len(packet)) for packet in packets if packet in data] or [(0, len(data))]


# The ways to damage them.


def flip_bits(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    for _ in range(dice.choice([1, 2, 8, 64])):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return data


def flip_one_bit_of_a_picture(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    position, size = dice.choice(pictures)
    data[position + dice.randrange(size)] ^= 1 << dice.randrange(8)
    return data


def random_bytes(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    start, end = span(data, dice)
    data[start:end] = dice.randbytes(end - start)
    return data


def zero_block(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    start, end = span(data, dice)
    data[start:end] = bytes(end - start)
    return data


def fill_block(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    start, end = span(data, dice)
    data[start:end] = b"\xff" * (end - start)
    return data


def remove_block(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    start, end = span(data, dice)
    del data[start:end]
    return data


def repeat_block(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    start, end = span(data, dice)
    data[end:end] = data[start:end]
    return data


def shuffle_blocks(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    size = dice.choice([188, 512, 4096])
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    one, other = dice.randrange(len(blocks)), dice.randrange(len(blocks))
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return bytearray().join(blocks)


def cut_end(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    return data[: dice.choice([dice.randrange(len(data)), len(data) - dice.randrange(1, min(400, len(data)))])]


def cut_start(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    return data[dice.choice([dice.randrange(1, len(data)), dice.randrange(1, 64)]) :]


def change_header(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    """A field of one to eight bytes somewhere in what is no picture: headers, indices, sizes."""
    inside = bytearray(len(data))
    for position, size in pictures:
        inside[position : position + size] = b"\1" * size
    places = [place for place, taken in enumerate(inside) if not taken] or [0]
    for _ in range(dice.choice([1, 1, 3])):
        start, width = dice.choice(places), dice.choice([1, 2, 4, 8])
        value = dice.choice(
            [bytes(width), b"\xff" * width, b"\x7f" + b"\xff" * (width - 1), bytes(width - 1) + b"\1", dice.randbytes(width)]
        )
        data[start : start + width] = value[: max(0, len(data) - start)]
    return data


def blank_picture(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    for position, size in dice.sample(pictures, dice.choice([1, 1, min(3, len(pictures))])):
        data[position : position + size] = bytes([dice.choice([0, 0xFF])]) * size
    return data


def drop_picture(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    position, size = dice.choice(pictures)
    del data[position : position + size]
    return data


def swap_pictures(data: bytearray, dice: random.Random, pictures: list[tuple[int, int]]) -> bytearray:
    (one, size), (other, room) = sorted(dice.sample(pictures, 2)) if len(pictures) > 1 else [pictures[0]] * 2
    first, second = data[one : one + size], data[other : other + room]
    return data[:one] + second + data[one + size : other] + first + data[other + room :] if one + size <= other else data[::-1]


def span(data: bytearray, dice: random.Random) -> tuple[int, int]:
    """A stretch at a random place, of anything between one byte and a third of the file."""
    length = min(len(data) - 1, dice.choice([1, 4, 16, 188, 512, 2048, len(data) // 3 + 1]))
    start = dice.randrange(len(data) - length)
    return start, start + length


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.replace("_", " "): mutation
    for mutation in (
        flip_bits, flip_one_bit_of_a_picture, random_bytes, zero_block, fill_block, remove_block, repeat_block, shuffle_blocks, cut_end,
        cut_start, change_header, blank_picture, drop_picture, swap_pictures,
    )
}  # fmt: skip

NO_DAMAGE = {("moving.gif", "drop picture"), ("av1.mp4", "swap pictures")}
"""What leaves another sound file: a GIF counts and times its pictures nowhere, and most pictures of an AV1 stream are three bytes that say
which stored one is to be shown."""


def is_a_recording(whole: Whole, data: bytes) -> bool:
    """Some packets in a row of a transport stream are what a receiver writes that was switched on later or off earlier: no damage."""
    return whole.name.endswith(".ts") and len(data) % 188 == 0 and bytes(data) in whole.data


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
    counts: dict[str, Counter[str]] = {"all": Counter()}
    oracle = Oracle()
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        wholes = undamaged(Path(folder), oracle)
        numbers = iter(lambda: 0, 1) if not arguments.mutants else range(arguments.mutants)
        for offset, _ in enumerate(numbers):
            number = arguments.first + offset
            whole = wholes[number % len(wholes)]
            if arguments.only not in whole.name:
                continue
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
