"""Kinds of files in which time or content goes on where a reader may think that it ends: second parts, programmes, clocks, edits, cuts.

A kind is a function as in `shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mutants import MUTATIONS

from truth.clips import FRAMES, SIZES, Track, shots_of, write
from truth.facts import Made, Shot
from truth.packets import Edit, coded, copied, later, mixed, with_edits
from truth.shapes import EVERYDAY, FRAGMENTS, STRUNG, Dice, muxer, place, strung_shots

FRAME = Fraction(1, 25)


def joined(dice: Dice, folder: Path, turn: int) -> Made:
    """Two files of a kind one behind the other, as `cat` joins them; every second time of a kind that is often joined so."""
    often = (("mp4", "libx264"), ("flv", "libx264"), ("ogg", "libvpx"), ("matroska", "libx264"), ("webm", "libvpx"), ("gif", "gif"))
    container, codec = often[turn // 2 % len(often)] if turn % 2 else EVERYDAY[turn // 2 % len(EVERYDAY)]
    options = {"movflags": FRAGMENTS} if container == "mp4" and turn % 2 else muxer(dice, container)
    tracks = [Track(codec, part, size_wh=dice.choice(SIZES[:3]) if part else (160, 96)).fitted() for part in (0, 1)]
    if container == "mp4" and turn % 2:
        tracks[1] = replace(tracks[1], codec=dice.choice((codec, codec, "libx265", "mpeg4")))
    parts = [write(place(folder, container, f"part{track.part}"), container, [track], options) for track in tracks]
    path = place(folder, container)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    first = shots_of(tracks[0], 0.0)
    goes_on = (container, codec) in STRUNG
    return Made(path, "joined", container, codec, first + shots_of(tracks[1], *((tracks[0].lasts,) if goes_on else (tracks[0].lasts, 0.0))))


PLACES = {
    "pid": {"mpegts_start_pid": "0x300"},
    "programme": {"mpegts_start_pid": "0x300", "mpegts_pmt_start_pid": "0x1300", "mpegts_service_id": "2"},
    "map": {"mpegts_pmt_start_pid": "0x1300"},
    "stream": {"mpegts_transport_stream_id": "7", "mpegts_service_id": "3", "mpegts_start_pid": "0x310"},
}


def programmes(dice: Dice, folder: Path, turn: int) -> Made:
    """Transport streams whose second part has another PID or programme, or that hold two programmes at once."""
    way = [*PLACES, "both at once"][turn % (len(PLACES) + 1)]
    codecs = dice.choice((("libx264", "libx264"), ("libx264", "mpeg2video"), ("mpeg2video", "mpeg2video"), ("libx264", "libx265")))
    tracks = [Track(codec, part) for part, codec in enumerate(codecs)]
    options = ({}, PLACES.get(way, PLACES["programme"]))
    parts = [write(folder / f"part{t.part}.ts", "mpegts", [t], o).read_bytes() for t, o in zip(tracks, options, strict=True)]
    path = folder / "clip.ts"
    path.write_bytes(mixed(*parts) if way == "both at once" else b"".join(parts))
    second = shots_of(tracks[1], *((0.0,) if way == "both at once" else (tracks[0].lasts,)))
    return Made(path, f"second part, {way}", "mpegts", "+".join(dict.fromkeys(codecs)), shots_of(tracks[0], 0.0) + second)


CLOCKS = {"ahead": (1.0, 41.96), "an hour ahead": (0.0, 3600.0), "back": (100.0, 0.0), "same": (5.0, 5.0), "wrapped": (95443.2, None)}
"""Seconds at which the first and the second part begin; 2^33 / 90000 is 95443.7."""


def clocks(dice: Dice, folder: Path, turn: int) -> Made:
    """Transport and programme streams whose clock jumps, or passes its largest number; time goes on."""
    way = list(CLOCKS)[turn % len(CLOCKS)]
    container, codec = dice.choice((("mpegts", "libx264"), ("mpegts", "mpeg2video"), ("mpegts", "libx265"), ("mpeg", "mpeg2video")))
    starts = [start for start in CLOCKS[way] if start is not None]
    tracks = [Track(codec, part, 40, start_seconds=start) for part, start in enumerate(starts)]
    options = {"mpegts_copyts": "1"} if container == "mpegts" else {}
    parts = [write(place(folder, container, f"part{t.part}"), container, [t], options).read_bytes() for t in tracks]
    path = place(folder, container)
    path.write_bytes(b"".join(parts))
    return Made(path, f"clock {way}", container, codec, strung_shots(tracks))


UNEVEN = (
    ("mp4", "libx264"), ("mov", "mjpeg"), ("matroska", "libx264"), ("webm", "libvpx"), ("flv", "libx264"), ("mpegts", "libx264"),
    ("nut", "mpeg4"), ("mp4", "mpeg4"), ("asf", "wmv2"), ("matroska", "libsvtav1"), ("mp4", "libx265"),
)  # fmt: skip


def uneven(dice: Dice, folder: Path, turn: int) -> Made:
    """Frames at uneven times, with a pause of seconds or without; sometimes none of it begins at zero."""
    container, codec = UNEVEN[turn % len(UNEVEN)]
    ticks = [0]
    for _ in range(FRAMES - 1):
        ticks.append(ticks[-1] + dice.choice((20, 33, 40, 67, 100)))
    way = dice.choice(("uneven", "pause", "late"))
    if way == "pause":
        at, pause = dice.randrange(4, FRAMES - 4), dice.choice((2000, 9000))
        ticks = [tick + (pause if number >= at else 0) for number, tick in enumerate(ticks)]
    track = Track(codec, milliseconds=tuple(ticks), frames=FRAMES, start_seconds=dice.choice((5.0, 50.0)) if way == "late" else 0.0)
    sound = track.start_seconds + 1.0 if way == "late" and container in ("mp4", "mpegts", "matroska") else 0.0
    # A fragment's first picture would be stretched to begin at zero.
    path = write(place(folder, container), container, [track], {} if way == "late" else muxer(dice, container), sound)
    return Made(path, f"times, {way}", container, codec, shots_of(track, 0.0))


REPEATED = (("matroska", "mpeg4"), ("webm", "libvpx"), ("flv", "flv"), ("matroska", "mjpeg"), ("matroska", "libx264"), ("flv", "libx264"))


def repeated(dice: Dice, folder: Path, turn: int) -> Made:
    """Several frames in a row with one timestamp."""
    container, codec = REPEATED[turn % len(REPEATED)]
    times = dice.choice((2, 3))
    track = Track(codec, options={"bf": "0"})
    whole = write(place(folder, container, "whole"), container, [track])
    pictures = [replace(each, pts=(stood := number // times * times * FRAME), dts=stood) for number, each in enumerate(coded(whole))]
    path = copied(whole, pictures, place(folder, container), container)
    shots = [replace(shot, seconds=(number // times * times / 25,)) for number, shot in enumerate(shots_of(track, 0.0))]
    return Made(path, "repeated times", container, codec, tuple(shots), frame_seconds=times * 0.04)


OPEN = {
    "libx264": ("mpegts", {"x264-params": "open-gop=1:bframes=3:keyint=10:scenecut=0"}, ("matroska", "mp4", "mov", "mpegts", "flv", "nut")),
    "libx265": ("mpegts", {"x265-params": "open-gop=1:bframes=3:keyint=10:pools=none:log-level=none"}, ("matroska", "mp4", "mpegts")),
    "mpeg2video": ("mpegts", {"g": "9", "bf": "2"}, ("matroska", "mpegts", "mpeg", "mp4", "avi")),
}


def open_group(dice: Dice, folder: Path, turn: int) -> Made:
    """A copy that begins at a key frame whose leading pictures refer to what was cut off."""
    codec = list(OPEN)[turn % len(OPEN)]
    source, options, containers = OPEN[codec]
    container = containers[turn // len(OPEN) % len(containers)]
    track = Track(codec, frames=40, options=options)
    whole = write(place(folder, source, "whole"), source, [track])
    pictures = coded(whole)
    keys = [number for number, each in enumerate(pictures) if each.key and number]
    kept = pictures[dice.choice(keys) :]
    path = copied(whole, later(kept, -min(each.pts for each in kept)), place(folder, container), container, muxer(dice, container))
    return Made(path, "open group cut", container, codec, shots_of(track, 0.0), must="visible", any_origin=True)


def hidden_start(dice: Dice, folder: Path, turn: int) -> Made:
    """A copy that was to begin between two key frames: what lies before is in the file, and marked as not to be shown."""
    container = ("mp4", "mov", "3gp", "ipod")[turn % 4]
    codec = dice.choice(("libx264", "mpeg4"))
    track = Track(codec, frames=40, options={"g": "20", "bf": "0"})
    whole = write(folder / "whole.mp4", "mp4", [track])
    hidden = dice.choice((3, 12, 19))
    path = copied(whole, later(coded(whole), -hidden * FRAME), place(folder, container), container)
    return Made(path, "discarded start", container, codec, shots_of(track, 0.0), any_origin=True)


EDITS: dict[str, tuple[Edit, ...]] = {
    "start left out": (Edit(1.2, 0.4),),
    "end left out": (Edit(0.8, 0.0),),
    "middle left out": (Edit(0.4, 0.0), Edit(0.8, 0.8)),
    "late": (Edit(0.5, None), Edit(1.6, 0.0)),
    "twice": (Edit(1.6, 0.0), Edit(1.6, 0.0)),
    "turned round": (Edit(0.8, 0.8), Edit(0.8, 0.0)),
}


def edit_lists(dice: Dice, folder: Path, turn: int) -> Made:
    """MP4 files whose edit list shows less of the track than there is, or shows it in another order."""
    way = list(EDITS)[turn % len(EDITS)]
    codec = dice.choice(("libx264", "mpeg4"))
    track = Track(codec, frames=40, options={"g": "10"})
    path = write(folder / "clip.mp4", "mp4", [track])
    path.write_bytes(with_edits(path.read_bytes(), EDITS[way]))
    return Made(path, f"edit list, {way}", "mp4", codec, tuple(_edited(shots_of(track, 0.0), EDITS[way])), any_origin=way != "late")


def _edited(shots: Sequence[Shot], edits: Sequence[Edit]) -> list[Shot]:
    """With the times of an edited showing beside those of the track itself; a reader may go by either."""
    found = []
    for shot in shots:
        (own,) = shot.seconds
        begun, shown = 0.0, [own]
        for edit in edits:
            if edit.start_seconds is not None and edit.start_seconds - 1e-6 <= own < edit.start_seconds + edit.seconds:
                shown.append(begun + own - edit.start_seconds)
            begun += edit.seconds
        found.append(replace(shot, seconds=tuple(shown)))
    return found


def at_random(dice: Dice, folder: Path, turn: int) -> Made:
    """Transport streams of two to four parts, unlike in codec, size, fields, place and clock."""
    count = dice.choice((2, 2, 3, 4))
    codecs = [dice.choice(("libx264", "libx264", "mpeg2video", "libx265", "mpeg4"))] * count
    if dice.random() < 0.2:
        codecs[-1] = "libx264"
    tracks = [
        Track(
            codec, part, dice.choice((12, FRAMES)), dice.choice(SIZES[:4]), start_seconds=dice.choice((0.0, 0.0, 30.0, 7200.0)),
            field=dice.choice(("", "", "tff")) if codec in ("libx264", "mpeg2video") else "",
        )
        for part, codec in enumerate(codecs)
    ]  # fmt: skip
    data = b""
    for track in tracks:
        options = {"mpegts_copyts": "1", **dice.choice(({}, {}, *PLACES.values()))}
        data += write(folder / f"part{track.part}.ts", "mpegts", [track], options).read_bytes()
    shots, kind, harmed = strung_shots(tracks), "random join", dice.random() < 0.3
    if harmed:  # after which no time can be vouched for
        harm = dice.choice(("flip bits", "random bytes", "zero block", "remove block"))
        data = bytes(MUTATIONS[harm](bytearray(data), dice, []))
        shots, kind = tuple(replace(shot, seconds=()) for shot in shots), f"random join, {harm}"
    path = folder / "clip.ts"
    path.write_bytes(data)
    return Made(path, kind, "mpegts", "+".join(dict.fromkeys(codecs)), shots, harmed=harmed)
