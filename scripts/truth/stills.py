"""Kinds that Pillow writes: animations, pages, photographs that say how they lie, and folders of numbered pictures.

A kind is a function as in `shapes`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from truth.clips import Track, shots_of, write
from truth.facts import Made, Shot
from truth.pictures import Label, numbered_picture, turned
from truth.shapes import Dice

SIZE = (160, 96)
FRAMES = 12

TURN_OF_EXIF = {1: 0, 2: 4, 3: 2, 4: 6, 5: 7, 6: 1, 7: 5, 8: 3}
"""EXIF orientation -> index of `pictures.turned`."""


def _drawn(frames: int, mode: str = "RGB") -> list[Image.Image]:
    return [Image.fromarray(numbered_picture(Label(0, number), SIZE)).convert(mode) for number in range(frames)]


def _shots(milliseconds: list[int]) -> tuple[Shot, ...]:
    return tuple(Shot(Label(0, number), (sum(milliseconds[:number]) / 1000,), SIZE) for number in range(len(milliseconds)))


def _untimed(frames: int) -> tuple[Shot, ...]:
    return tuple(Shot(Label(0, number), (), SIZE) for number in range(frames))


ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")


def animation(dice: Dice, folder: Path, turn: int) -> Made:
    """Animated pictures with durations of their own, and what the formats may say beside."""
    kind = ANIMATED[turn % len(ANIMATED)]
    milliseconds = [dice.choice((40, 100, 250)) for _ in range(FRAMES)]
    if kind == "AVIF":
        milliseconds = [100] * FRAMES
    first, *rest = _drawn(FRAMES, dice.choice(("P", "L", "RGB")) if kind == "GIF" else dice.choice(("RGB", "RGBA")))
    more = {
        # Not 3 (back to what was there before): Pillow writes differences from what it then takes away, which only Pillow shows as drawn.
        "GIF": {"disposal": dice.choice((0, 1, 2)), "loop": dice.choice((0, 1, 3)), "optimize": dice.random() < 0.5},
        "PNG": {"disposal": dice.choice((0, 1, 2)), "blend": dice.choice((0, 1)), "loop": dice.choice((0, 2))},
        "WEBP": {"lossless": dice.random() < 0.5, "minimize_size": dice.random() < 0.5, "quality": 90},
        "AVIF": {"quality": 90},
    }[kind]
    path = folder / f"clip.{kind.lower()}"
    first.save(path, kind, save_all=True, append_images=rest, duration=milliseconds, **more)
    return Made(path, "animation", kind.lower(), "pillow", _shots(milliseconds))


def gif_without_control(dice: Dice, folder: Path, turn: int) -> Made:
    """A GIF whose first pictures, or some others, have no graphic control extension."""
    way = ("first", "half", "all", "some")[turn % 4]
    bare = {"first": {0}, "half": set(range(FRAMES // 2)), "all": set(range(FRAMES)), "some": set(dice.sample(range(FRAMES), 4))}[way]
    path = folder / "clip.gif"
    path.write_bytes(_gif([number not in bare for number in range(FRAMES)], dice.random() < 0.5))
    return Made(path, f"gif without control, {way}", "gif", "pillow", _untimed(FRAMES))


def _gif(controlled: Sequence[bool], repeats: bool) -> bytes:
    """Whole pictures, each with colours of its own and nothing see-through (GIF89a), some of them with a delay of 0.1 s before them."""
    found = b"GIF89a" + struct.pack("<HHBBB", *SIZE, 0x70, 0, 0)
    found += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" if repeats else b""
    for picture, control in zip(_drawn(len(controlled), "P"), controlled, strict=True):
        found += b"\x21\xf9\x04\x04\x0a\0\0\0" if control else b""
        found += _gif_picture(picture)
    return found + b"\x3b"


def _gif_picture(picture: Image.Image) -> bytes:
    """Descriptor, colours and data of one picture, as Pillow codes it."""
    stream = io.BytesIO()
    picture.save(stream, "GIF")
    data = stream.getvalue()
    colours = data[13 : 13 + (3 << (data[10] & 7) + 1)]
    at = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", *SIZE), 13 + len(colours))
    return data[at : at + 9] + bytes([0x80 | data[at + 9] & 0x40 | data[10] & 7]) + colours + data[at + 10 : -1]


PAGED = ("TIFF", "MPO", "PNG strung", "JPEG strung", "WEBP strung", "JPEG with a film")


def pages(dice: Dice, folder: Path, turn: int) -> Made:
    """Several pictures in a file of a format that mostly holds one."""
    kind = PAGED[turn % len(PAGED)]
    pictures = _drawn(4)
    name, _, more = kind.partition(" ")
    path = folder / f"clip.{'jpg' if name in ('MPO', 'JPEG') else name.lower()}"
    if more == "with a film":  # as phones write behind the photograph what was seen around it
        film = Track("libx264", part=1)
        pictures[0].save(path, name)
        path.write_bytes(path.read_bytes() + write(folder / "film.mp4", "mp4", [film]).read_bytes())
        return Made(path, f"pages, {kind.lower()}", name.lower(), "pillow", (*_untimed(1), *shots_of(film, 0.0)))
    if more:
        data = b""
        for picture in pictures:
            picture.save(path, name)
            data += path.read_bytes()
        path.write_bytes(data)
    else:
        pictures[0].save(path, name, save_all=True, append_images=pictures[1:])
    return Made(path, f"pages, {kind.lower()}", name.lower(), "pillow", _untimed(4))


LYING = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


def photograph(dice: Dice, folder: Path, turn: int) -> Made:
    """One picture that says how it lies."""
    kind = LYING[turn % len(LYING)]
    orientation = dice.choice(list(TURN_OF_EXIF))
    turns = TURN_OF_EXIF[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = turned(numbered_picture(Label(0, 0), SIZE), -turns if turns < 4 else turns)
    path = folder / f"clip.{kind.lower()}"
    Image.fromarray(stored).save(path, kind, exif=exif.tobytes())
    return Made(path, f"photograph, orientation {orientation}", kind.lower(), "pillow", (Shot(Label(0, 0), (0.0,), SIZE),))


def series(dice: Dice, folder: Path, turn: int) -> Made:
    """A folder of numbered pictures: a film in pictures, or an album of several sizes and large gaps."""
    way = ("film", "sizes", "gaps")[turn % 3]
    suffix = dice.choice((".png", ".jpg"))
    path = folder / "series"
    path.mkdir()
    shots = []
    for number in range(FRAMES):
        size = ((160, 96), (96, 160), (176, 144))[number % 3] if way == "sizes" else SIZE
        name = 2030 + (number * 7 if way == "gaps" else number)
        Image.fromarray(numbered_picture(Label(0, number), size)).save(path / f"IMG_{name}{suffix}", quality=92)
        shots.append(Shot(Label(0, number), (number / 25, 0.0) if way == "film" else (), size))
    return Made(path, f"series, {way}", "folder", suffix[1:], tuple(shots))
