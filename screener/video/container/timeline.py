"""When each picture of a file should be shown, and whether the file is whole, from the times of its packets.

Knows nothing of pixels; the readers find out whether a packet decodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from screener.video.container.end import ends_early
from screener.video.container.opening import TIMED_AS_CODED, UNTIMED
from screener.video.container.rhythm import filled, offsets, rhythm_warnings, usual_step
from screener.video.container.structure import Walked, examined
from screener.video.container.walk import NO_TICK, Walk
from screener.video.frame_rates import usual_rate

# Containers whose header states their duration; for others FFmpeg derives it from the last timestamps, which proves nothing.
_PROMISING = frozenset({"mov", "matroska", "avi", "flv", "asf", "gif"})
# Containers that may start in the middle of a group of pictures, as recordings of a broadcast do.
_BROADCAST = frozenset({"mpegts", "mpeg", "mpegvideo", "h264", "hevc"})
_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Timeline:
    """seconds: (n,) presentation time of every expected picture, rising; 0 is where players begin, pictures that they do not show lie
    before it.
    container_seconds: (n,) the same in the container's time.
    pieces: indices of the entries at which the container's time starts anew.
    frame_seconds: usual time between two frames. rate: exact frame rate that frames are counted at, 0 if unknown.
    reader_origin_seconds: the container time that OpenCV takes for 0.
    is_strung: several recordings were joined, according to their clocks and counters.
    timed: frames carry usable timestamps of their own.
    videos: number of video streams according to the container's tables, 0 if unknown.
    whole: False if the file ends early, None if unknown.
    """

    seconds: NDArray[np.float64]
    container_seconds: NDArray[np.float64]
    pieces: tuple[int, ...]
    frame_seconds: float
    rate: Fraction
    reader_origin_seconds: float | None
    is_strung: bool
    timed: bool
    frames_promised: int
    corrupt_packets: int
    videos: int
    whole: bool | None
    warnings: tuple[str, ...]

    @property
    def end_seconds(self) -> float:
        """When the last frame leaves the screen; 0 without frames."""
        return float(self.seconds[-1]) + self.frame_seconds if len(self.seconds) else 0.0


def timeline_of(path: Path, walk: Walk, shown_from: int | None = None, alive: Callable[[], None] = lambda: None) -> Timeline:
    """The timeline of a file whose packets were read. shown_from: the tick at which players begin; that of the first picture if
    left out.
    """
    stream, names = walk.stream, frozenset(walk.container.format.name.split(","))
    time_base = float(stream.time_base) if stream.time_base else 1 / _DEFAULT_FPS
    fps = float(stream.guessed_rate or stream.average_rate or _DEFAULT_FPS)
    ticks = np.frombuffer(walk.ticks, dtype=np.int64) if walk.ticks else np.zeros(0, np.int64)
    stated = np.append(_known(ticks), np.asarray(walk.moved, np.int64))
    found = examined(path, Walked(names, stream.index, stream.id, walk.packets, stated, alive))
    faults = found.faults
    if "mpeg" in names and walk.keys:
        faults += walk.keys[0]  # unlike a broadcast, a file begins with a key picture
    shown, untimed = _shown(ticks, walk, names)
    bounds = np.flatnonzero(shown)
    raw = np.where(ticks[bounds] == NO_TICK, np.nan, ticks[bounds] * time_base)
    starts = [0, *(int(np.searchsorted(bounds, start)) for start in walk.segments[1:])]
    leaps = {number for number, segment in enumerate(walk.segments) if segment in walk.jumps}
    if untimed == len(bounds):
        raw, starts, leaps = np.arange(len(bounds)) / fps, [0], set()
    pieces = [filled(piece, 1 / fps) for piece in np.split(raw, starts[1:])]
    kept = [number for number, piece in enumerate(pieces) if len(piece)]
    pieces, leaps = [pieces[number] for number in kept], {kept.index(number) for number in leaps if number in kept}
    frame_seconds = usual_step(pieces, 1 / fps)
    begun = {kept.index(number): tick * time_base for number, tick in walk.begun.items() if number in kept}
    shifts = offsets(pieces, frame_seconds, leaps, begun)
    if pieces and shown_from is not None:
        shifts = [shift + float(pieces[0][0]) - shown_from * time_base for shift in shifts]
    seconds = np.concatenate([piece + shift for piece, shift in zip(pieces, shifts, strict=True)]) if pieces else np.zeros(0)
    whole = _is_whole(path, walk, names, frame_seconds) if not found.is_cut else False
    seams = max(found.seams, len(walk.segments) - 1) if "mpegts" in names else 0
    warnings = rhythm_warnings(seconds, frame_seconds) + ["nonmonotonic"] * walk.backwards
    return Timeline(
        seconds=seconds,
        container_seconds=np.concatenate(pieces) if pieces else np.zeros(0),
        pieces=tuple(np.cumsum([0, *(len(piece) for piece in pieces[:-1])]).tolist()),
        frame_seconds=frame_seconds,
        rate=usual_rate(seconds, frame_seconds, stream.guessed_rate or stream.average_rate, "variable_rate" in warnings),
        reader_origin_seconds=None if stream.start_time is None else stream.start_time * time_base,
        is_strung=len(pieces) > 1 or found.seams > 0 or walk.backwards,
        timed=not (names & UNTIMED or untimed or (names & TIMED_AS_CODED and stream.codec_context.codec.reorder)),
        frames_promised=max(0, stream.frames),
        # FFmpeg marks the packet at each seam between recordings as corrupt.
        corrupt_packets=max(0, walk.corrupt - seams) + walk.failed + walk.faults.count + faults,
        videos=found.videos,
        whole=whole,
        warnings=(*warnings, *["clock_jump"] * bool(leaps), *["end_unverified"] * (whole is None)),
    )


def _known(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(ticks[ticks != NO_TICK], np.int64)


def _shown(ticks: NDArray[np.int64], walk: Walk, names: frozenset[str]) -> tuple[NDArray[np.bool_], int]:
    """(n,) which packets hold a picture that is to be shown, and how many of these have no time.

    Pictures that refer to something before the recording are left out. A decoder shows none of them in front of the first key picture. Of
    those that follow it in the file and precede it on screen it shows what it can, which is inferred from the first picture that it showed.
    Matroska's times before 0 are read as none: pictures without a time right after the first key picture are left out too, if the decoder
    began with the key picture and gave out none of them.
    """
    shown = np.ones(len(ticks), np.bool_)
    if not walk.keys:
        return shown, walk.untimed
    first, end = walk.keys[0], min([len(ticks), *walk.keys[1:2], *walk.segments[1:2]])
    if names & _BROADCAST and first < end:
        shown[:first] = False
    if walk.untimed < len(ticks) and ticks[first] != NO_TICK:
        began = walk.first_picture.pts if walk.first_picture is not None and walk.first_picture.pts is not None else ticks[first]
        following = ticks[first + 1 : end]
        shown[first + 1 : end] = (following >= min(began, ticks[first])) | (following == NO_TICK)
        if "matroska" in names and began == ticks[first] and walk.first_picture is not None and not walk.shows_untimed:
            shown[first + 1 : first + 1 + walk.leads] = False
    return shown, int((ticks[shown] == NO_TICK).sum())


def _is_whole(path: Path, walk: Walk, names: frozenset[str], frame_seconds: float) -> bool | None:
    """Whether everything that was stated is there: bytes, a whole last packet, then index entries or duration; None if nothing was stated.

    The duration has a tolerance of half a second or two frames: whole files differ from their own headers by that much, because muxers
    count the last frame and the padding of audio differently.
    """
    early = ends_early(path)
    if early or walk.ends_corrupt or (walk.failed and names & _PROMISING):
        return False
    if "mov" in names:
        # The index, not the header's count, because an edit list may leave frames out. Fragments have no count.
        return walk.packets >= len(walk.stream.index_entries) if walk.stream.frames else None
    if names & {"avi", "gif"}:
        return None if early is None else True
    promised = (walk.container.duration or 0) / av.time_base
    if names & _PROMISING and promised:
        return walk.end_seconds + max(0.5, 2 * frame_seconds) >= promised
    return None
