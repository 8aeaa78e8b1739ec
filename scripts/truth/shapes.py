"""Kinds of whole files: every container and codec, and what may be unlike from one to the next or within one: sizes, fields, tracks, turns.

A kind is a function of the dice, a folder to write to, and how many of its kind were made before; it raises where PyAV cannot write it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from truth.clips import FRAMES, SIZES, SUFFIX, Track, formats_of, pairs, shots_of, write
from truth.facts import Made, Shot
from truth.packets import coded, copied, strung, told_to_turn

Dice = random.Random
Maker = Callable[[Dice, Path, int], Made]

FRAGMENTS = "frag_keyframe+empty_moov"
MUXERS: dict[str, tuple[dict[str, str], ...]] = {
    "mp4": (
        {}, {"movflags": "faststart"}, {"movflags": FRAGMENTS}, {"movflags": FRAGMENTS + "+default_base_moof"},
        {"movflags": FRAGMENTS + "+separate_moof"}, {"movflags": "dash+delay_moov"}, {"movflags": "hybrid_fragmented"},
    ),
    "mov": ({}, {"movflags": "faststart"}, {"movflags": FRAGMENTS}),
    "matroska": ({}, {"live": "1"}, {"cluster_time_limit": "200"}, {"cues_to_front": "1"}),
    "webm": ({}, {"live": "1"}, {"cluster_time_limit": "200"}),
    "mpegts": ({}, {"mpegts_m2ts_mode": "1"}, {"mpegts_flags": "resend_headers"}, {"pat_period": "0.1"}),
    "flv": ({}, {"flvflags": "add_keyframe_index"}, {"flvflags": "no_duration_filesize"}),
    "avi": ({}, {"reserve_index_space": "4000"}),
}  # fmt: skip
"""Options that give a container another inner form."""

UNTIMED = ("h261", "h263")
"""Bare streams whose clock knows only 29.97 pictures a second, which these are not."""

EVERYDAY = (
    ("mp4", "libx264"), ("mp4", "libx265"), ("mp4", "libsvtav1"), ("mp4", "libvpx-vp9"), ("mp4", "mpeg4"), ("mp4", "mjpeg"),
    ("mov", "libx264"), ("mov", "libx265"), ("mov", "prores_ks"), ("mov", "mjpeg"), ("mov", "png"), ("mov", "dnxhd"),
    ("matroska", "libx264"), ("matroska", "libx265"), ("matroska", "libvpx-vp9"), ("matroska", "libsvtav1"), ("matroska", "ffv1"),
    ("matroska", "mpeg4"), ("webm", "libvpx"), ("webm", "libvpx-vp9"), ("webm", "libsvtav1"), ("avi", "mpeg4"), ("avi", "mjpeg"),
    ("avi", "libx264"), ("avi", "huffyuv"), ("avi", "msmpeg4"), ("mpegts", "libx264"), ("mpegts", "libx265"), ("mpegts", "mpeg2video"),
    ("mpeg", "mpeg1video"), ("mpeg", "mpeg2video"), ("vob", "mpeg2video"), ("flv", "libx264"), ("flv", "flv"), ("asf", "wmv2"),
    ("ogg", "libvpx"), ("3gp", "h263"), ("mxf", "mpeg2video"), ("nut", "libx264"), ("rm", "rv20"), ("ivf", "libvpx-vp9"),
    ("h264", "libx264"), ("hevc", "libx265"), ("m4v", "mpeg4"), ("mjpeg", "mjpeg"), ("mpeg2video", "mpeg2video"), ("obu", "libsvtav1"),
    ("gif", "gif"), ("apng", "apng"), ("yuv4mpegpipe", "wrapped_avframe"),
)  # fmt: skip

STRUNG = (
    ("mpegts", "libx264"), ("mpegts", "libx265"), ("mpegts", "mpeg2video"), ("mpegts", "mpeg4"), ("mpeg", "mpeg2video"),
    ("vob", "mpeg2video"), ("h264", "libx264"), ("hevc", "libx265"), ("m4v", "mpeg4"), ("mpeg2video", "mpeg2video"), ("mjpeg", "mjpeg"),
    ("obu", "libsvtav1"),
)  # fmt: skip
"""Containers that may be strung together byte for byte, and are: a player goes on from one to the next."""

COPIED = {
    "libx264": ("mpegts", ("mp4", "mov", "matroska", "flv", "nut", "avi", "asf")),
    "libx265": ("mpegts", ("mp4", "mov", "matroska", "flv")),
    "mpeg4": ("mpegts", ("mp4", "mov", "matroska", "avi", "nut")),
    "mpeg2video": ("mpegts", ("mp4", "mov", "matroska", "avi", "nut")),
    "mjpeg": ("nut", ("avi", "mov", "matroska", "mp4")),
    "prores_ks": ("mov", ("mov", "matroska")),
    "libvpx": ("ivf", ("webm", "matroska", "ivf", "avi")),
    "libvpx-vp9": ("ivf", ("webm", "matroska", "mp4", "ivf")),
    "libsvtav1": ("obu", ("mp4", "matroska", "webm", "ivf")),
    "png": ("mov", ("mov", "matroska", "avi")),
    "flv": ("flv", ("flv", "avi")),
    "jpeg2000": ("nut", ("mov", "avi", "matroska")),
    "cfhd": ("mov", ("mov", "avi")),
    "dnxhd": ("mov", ("mov",)),
}
"""Codecs whose pictures say themselves how large they are: where they are taken from, and where a joined copy may go."""


def place(folder: Path, container: str, name: str = "clip") -> Path:
    return folder / (name + SUFFIX[container])


def muxer(dice: Dice, container: str) -> dict[str, str]:
    return dice.choice(MUXERS.get(container, ({},)))


def plain(dice: Dice, folder: Path, turn: int) -> Made:
    """Every container with every codec that goes into it."""
    known = pairs()
    container, codec = known[turn % len(known)]
    track = Track(codec, size_wh=dice.choice(SIZES)).fitted()
    odd = replace(track, pixels=dice.choice(formats_of(codec) or ("",)) if dice.random() < 0.25 else "")
    sound = 0.9 if dice.random() < 0.2 else 0.0
    path, options = place(folder, container), muxer(dice, container)
    try:
        write(path, container, [odd], options, sound)
    except (FFmpegError, ValueError, NotImplementedError):
        write(path, container, [track])
    starts = () if container in UNTIMED else (0.0,)
    return Made(path, "plain", container, codec, shots_of(track, *starts))


def sizes(dice: Dice, codec: str) -> tuple[tuple[int, int], tuple[int, int]]:
    if codec in ("dnxhd", "cfhd"):
        return dice.choice((((256, 128), (320, 240)), ((320, 240), (256, 192))))
    first, second = dice.sample([size for size in SIZES if max(size) < 240], 2)
    return first, second


def resized_strung(dice: Dice, folder: Path, turn: int) -> Made:
    """The picture changes its size, or its samples their proportions, where two files were strung together."""
    container, codec = STRUNG[turn % len(STRUNG)]
    tracks = _unlike(dice, codec)
    data = b"".join(write(place(folder, container, f"part{track.part}"), container, [track]).read_bytes() for track in tracks)
    path = place(folder, container)
    path.write_bytes(data)
    return Made(path, "size change, strung", container, codec, strung_shots(tracks))


def resized_copied(dice: Dice, folder: Path, turn: int) -> Made:
    """The same in one stream of a container, as joining with a copy of the packets leaves it."""
    ways = [(codec, source, container) for codec, (source, containers) in COPIED.items() for container in containers]
    codec, source, container = ways[turn % len(ways)]
    tracks = _unlike(dice, codec)
    parts = [write(place(folder, source, f"part{track.part}"), source, [track]) for track in tracks]
    pictures = strung([coded(part) for part in parts], Fraction(1, 25))
    path = copied(parts[0], pictures, place(folder, container), container, muxer(dice, container))
    return Made(path, "size change, copied", container, codec, strung_shots(tracks))


def _unlike(dice: Dice, codec: str) -> list[Track]:
    first, second = sizes(dice, codec)
    tracks = [Track(codec, 0, size_wh=first), Track(codec, 1, size_wh=second)]
    if codec in ("libx264", "mpeg2video") and dice.random() < 0.25:
        # MPEG-2 knows only the proportions of whole pictures: 4:3 and 16:9.
        ratios = (Fraction(1), Fraction(2)) if codec == "libx264" else (Fraction(4, 3) / Fraction(5, 3), Fraction(16, 9) / Fraction(5, 3))
        tracks = [Track(codec, part, size_wh=(160, 96), ratio=ratio) for part, ratio in enumerate(ratios)]
    if dice.random() < 0.3:
        tracks.append(replace(tracks[0], part=2))
    return tracks


def strung_shots(tracks: list[Track]) -> tuple[Shot, ...]:
    """Each track begins where the one before ends."""
    found: list[Shot] = []
    start = 0.0
    for track in tracks:
        found += shots_of(track, start)
        start += track.lasts
    return tuple(found)


FIELDS = (
    ("mpegts", "libx264"), ("mp4", "libx264"), ("matroska", "libx264"), ("mov", "libx264"), ("h264", "libx264"), ("flv", "libx264"),
    ("mpegts", "mpeg2video"), ("mpeg", "mpeg2video"), ("mxf", "mpeg2video"), ("matroska", "mpeg2video"), ("avi", "mpeg4"), ("mp4", "mpeg4"),
    ("mov", "prores_ks"), ("matroska", "prores_ks"), ("matroska", "ffv1"), ("avi", "dvvideo"), ("dv", "dvvideo"), ("mov", "dvvideo"),
)  # fmt: skip


def interlaced(dice: Dice, folder: Path, turn: int) -> Made:
    """Coded in fields; sometimes only from the middle on."""
    container, codec = FIELDS[turn % len(FIELDS)]
    frames = 10 if codec == "dvvideo" else FRAMES
    size_wh = dice.choice(((192, 128), (256, 192), (128, 160)))
    fields = Track(codec, 0, frames, size_wh, field=dice.choice(("tff", "bff"))).fitted()
    path = place(folder, container)
    if container != "mpegts" or dice.random() < 0.5:
        write(path, container, [fields], muxer(dice, container))
        return Made(path, "interlaced", container, codec, shots_of(fields, 0.0))
    tracks = [replace(fields, field=""), replace(fields, part=1)]
    path.write_bytes(b"".join(write(place(folder, container, f"part{track.part}"), container, [track]).read_bytes() for track in tracks))
    return Made(path, "interlaced", container, codec, strung_shots(tracks))


TRACKS = (
    ("mp4", "libx264"), ("mov", "libx264"), ("matroska", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4"), ("mpegts", "libx264"),
    ("asf", "wmv2"), ("nut", "mpeg4"), ("ogg", "libvpx"), ("mpegts", "mpeg2video"), ("mp4", "mpeg4"), ("mxf", "mpeg2video"),
)  # fmt: skip


def several_tracks(dice: Dice, folder: Path, turn: int) -> Made:
    """Two video tracks in one file: alike, unlike in size, the second marked as the default one, or a thumbnail's track first."""
    container, codec = TRACKS[turn % len(TRACKS)]
    first, second = Track(codec, 0), Track(codec, 1)
    way = dice.choice(("alike", "size", "default", "thumbnail", "short"))
    if way == "size":
        second = replace(second, size_wh=(176, 144))
    elif way == "default":
        second = replace(second, disposition="default")
    elif way == "thumbnail":
        first = replace(first, size_wh=(64, 48), frames=4, rate=5) if codec != "mpeg2video" else replace(first, frames=4)
    elif way == "short":
        second = replace(second, frames=8)
    path = write(place(folder, container), container, [first, second], muxer(dice, container))
    return Made(path, f"two tracks, {way}", container, codec, shots_of(first, 0.0) + shots_of(second, 0.0))


def cover(dice: Dice, folder: Path, turn: int) -> Made:
    """A picture of the cover beside the video, which is not to be judged."""
    shown, picture = Track("libx264"), Track("png", 15, 1, disposition="attached_pic")
    tracks = [shown, picture] if dice.random() < 0.5 else [picture, shown]
    path = write(folder / "clip.mp4", "mp4", tracks, dice.choice(({}, {"movflags": "faststart"})))
    return Made(path, "cover", "mp4", "libx264", shots_of(shown, 0.0))


TURNED = (
    ("mp4", "libx264"), ("mov", "libx264"), ("mp4", "libx265"), ("3gp", "mpeg4"), ("mov", "mjpeg"), ("matroska", "libx264"),
    ("webm", "libvpx-vp9"), ("mp4", "libsvtav1"), ("mov", "prores_ks"),
)  # fmt: skip


def turned_matrix(dice: Dice, folder: Path, turn: int) -> Made:
    """The container tells a player to turn or mirror the picture."""
    container, codec = TURNED[turn % len(TURNED)]
    turns = range(1, 4) if container in ("matroska", "webm") else range(1, 8)
    track = Track(codec, size_wh=dice.choice(((160, 96), (96, 160))), turn=dice.choice(turns))
    path = write(place(folder, container), container, [track], muxer(dice, container))
    return Made(path, "display matrix", container, codec, shots_of(track, 0.0))


def turned_message(dice: Dice, folder: Path, turn: int) -> Made:
    """The stream itself tells it, in a message beside the picture."""
    container = ("mpegts", "h264", "mp4", "matroska")[turn % 4]
    track = Track("libx264", size_wh=(160, 96), turn=dice.choice(range(1, 8)), matrix=False, options={"bf": "0"})
    whole = write(folder / "whole.ts", "mpegts", [track])
    told = [told_to_turn(picture, track.turn) for picture in coded(whole)]
    if container == "mpegts" and dice.random() < 0.5:
        upright = replace(track, part=1, turn=0)
        path = write(folder / "clip.ts", "mpegts", [upright])
        path.write_bytes(path.read_bytes() + copied(whole, told, folder / "later.ts", "mpegts").read_bytes())
        return Made(path, "orientation message, later", container, "libx264", strung_shots([upright, track]))
    path = copied(whole, told, place(folder, container), container)
    return Made(path, "orientation message", container, "libx264", shots_of(track, 0.0))


HDR = (
    ("mp4", "libx265", "yuv420p10le"), ("matroska", "libx265", "yuv420p10le"), ("mpegts", "libx265", "yuv420p10le"),
    ("webm", "libvpx-vp9", "yuv420p"), ("mp4", "libsvtav1", "yuv420p10le"), ("mov", "prores_ks", "yuv422p10le"),
    ("mp4", "libx264", "yuv420p10le"), ("mp4", "libx265", "yuv420p"),
)  # fmt: skip


def high_dynamic_range(dice: Dice, folder: Path, turn: int) -> Made:
    """Colours of PQ or HLG."""
    container, codec, pixels = HDR[turn % len(HDR)]
    track = Track(codec, pixels=pixels, colours=(9, dice.choice((16, 18)), 9))
    path = write(place(folder, container), container, [track], muxer(dice, container))
    return Made(path, "hdr", container, codec, shots_of(track, 0.0))
