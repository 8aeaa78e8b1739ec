"""Kinds of files of which something is missing or overwritten: packets left out, cut ends, damaged bytes, half pictures, spoilt sound.

A kind is a function as in `shapes`. The ways to damage bytes are those of `mutants`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
from mutants import MUTATIONS, coded_pictures, drop_picture

from truth.clips import SIZES, Track, shots_of, write
from truth.facts import Made
from truth.packets import coded, copied
from truth.shapes import EVERYDAY, Dice, muxer, place

ROOMY = (
    ("mp4", "libx264"), ("matroska", "libx264"), ("mpegts", "libx264"), ("mov", "mjpeg"), ("avi", "mpeg4"), ("flv", "libx264"),
    ("webm", "libvpx"), ("mp4", "libx265"), ("matroska", "libvpx-vp9"), ("nut", "mpeg4"), ("mpegts", "mpeg2video"),
)  # fmt: skip
"""Containers that say when each picture is shown, so that others may be left out."""

UNCOUNTED = {"gif", "mjpeg", "m4v", "h264", "hevc", "mpeg2video", "obu", "yuv4mpegpipe", "avi", "ivf", "h263"}
"""Containers that neither count nor time their pictures: where a whole one is taken out, another sound file is left."""


def dropped(dice: Dice, folder: Path, turn: int) -> Made:
    """A copy without some of the packets, as a bad connection leaves it; what refers to those may not be shown."""
    container, codec = ROOMY[turn % len(ROOMY)]
    track = Track(codec, frames=40)
    whole = write(place(folder, container, "whole"), container, [track])
    pictures = coded(whole)
    lost = set(dice.sample(range(1, len(pictures)), dice.choice((1, 3, 8))))
    path = copied(whole, [each for number, each in enumerate(pictures) if number not in lost], place(folder, container), container)
    return Made(path, "packets left out", container, codec, shots_of(track, 0.0), must="visible", any_origin=True, harmed=True)


def started_late(dice: Dice, folder: Path, turn: int) -> Made:
    """A copy that begins anywhere, as a recording that was switched on late."""
    container, codec = ROOMY[turn % len(ROOMY)]
    track = Track(codec, frames=40)
    whole = write(place(folder, container, "whole"), container, [track])
    path = copied(whole, coded(whole)[dice.randrange(1, 20) :], place(folder, container), container)
    return Made(path, "begins anywhere", container, codec, shots_of(track, 0.0), must="visible", any_origin=True, harmed=True)


def cut_short(dice: Dice, folder: Path, turn: int) -> Made:
    """The first part of the bytes."""
    container, codec = EVERYDAY[turn % len(EVERYDAY)]
    track = Track(codec, size_wh=dice.choice(SIZES)).fitted()
    path = write(place(folder, container), container, [track], muxer(dice, container))
    data = path.read_bytes()
    path.write_bytes(data[: dice.randrange(len(data) // 3, len(data))])
    return Made(path, "cut short", container, codec, shots_of(track, 0.0), must="end")


def damaged(dice: Dice, folder: Path, turn: int) -> Made:
    """Bytes changed, added, moved or taken out. No time can be vouched for, as the damage may have hit that."""
    container, codec = EVERYDAY[turn % len(EVERYDAY)]
    track = Track(codec, size_wh=dice.choice(SIZES)).fitted()
    path = write(place(folder, container), container, [track], muxer(dice, container))
    names = [name for name, change in MUTATIONS.items() if not (change is drop_picture and container in UNCOUNTED)]
    name = dice.choice(names)
    path.write_bytes(MUTATIONS[name](bytearray(path.read_bytes()), dice, coded_pictures(path)))
    must = "end" if name in ("cut end", "cut start") else "all"
    return Made(path, f"damaged, {name}", container, codec, shots_of(track), must=must, harmed=True)


HALVED = (
    ("avi", "mjpeg"), ("mov", "mjpeg"), ("matroska", "mjpeg"), ("mjpeg", "mjpeg"), ("mov", "png"), ("mov", "prores_ks"), ("avi", "mpeg4"),
    ("matroska", "libx264"), ("mpegts", "libx264"), ("mp4", "libx265"), ("webm", "libvpx"), ("matroska", "libvpx-vp9"),
    ("matroska", "libsvtav1"), ("avi", "huffyuv"), ("matroska", "ffv1"), ("mov", "dnxhd"), ("flv", "flv"), ("asf", "wmv2"),
    ("mpegts", "mpeg2video"), ("mov", "jpeg2000"), ("avi", "msmpeg4"), ("mov", "cfhd"), ("avi", "utvideo"), ("avi", "magicyuv"),
)  # fmt: skip


def half_pictures(dice: Dice, folder: Path, turn: int) -> Made:
    """A third of the pictures came only in part, or with flipped bits, in packets that are otherwise in order."""
    container, codec = HALVED[turn % len(HALVED)]
    track = Track(codec).fitted()
    whole = write(place(folder, container, "whole"), container, [track])
    pictures = coded(whole)
    way = dice.choice(list(HARMS))
    for number in dice.sample(range(len(pictures)), len(pictures) // 3):
        pictures[number] = replace(pictures[number], data=HARMS[way](pictures[number].data, dice))
    path = copied(whole, pictures, place(folder, container), container)
    return Made(path, f"pictures {way}", container, codec, shots_of(track, 0.0), harmed=True)


def _flipped(data: bytes, dice: Dice) -> bytes:
    changed = bytearray(data)
    for _ in range(1 + len(data) // 200):
        changed[dice.randrange(len(data) // 3, len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


HARMS: dict[str, Callable[[bytes, Dice], bytes]] = {
    "cut at 55 %": lambda data, dice: data[: max(1, len(data) * 55 // 100)],
    "with a blank end": lambda data, dice: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "with flipped bits": _flipped,
}

SOUNDING = (
    ("mp4", "libx264"), ("matroska", "libx264"), ("mpegts", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx"), ("flv", "libx264"),
    ("asf", "wmv2"), ("mpeg", "mpeg2video"), ("mov", "mjpeg"),
)  # fmt: skip


def spoilt_sound(dice: Dice, folder: Path, turn: int) -> Made:
    """Only the sound is damaged: every picture is there."""
    container, codec = SOUNDING[turn % len(SOUNDING)]
    track = Track(codec)
    path = write(place(folder, container), container, [track], muxer(dice, container), sound_seconds=0.9)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as opened:
        blocks = [bytes(packet) for packet in opened.demux(audio=0) if packet.size > 16]
    for block in dice.sample(blocks, min(3, len(blocks))):
        at = data.find(block)
        if at >= 0:
            data[at + 4 : at + len(block)] = dice.randbytes(len(block) - 4)
    path.write_bytes(data)
    return Made(path, "sound damaged", container, codec, shots_of(track, 0.0))
