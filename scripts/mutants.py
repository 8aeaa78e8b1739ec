"""Small videos of every kind, and ways to damage them, for `fuzz.py`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FRAMES = 30

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
