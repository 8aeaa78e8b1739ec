"""Folders of annotated copies and of the most suspicious frames. Knows files, not what is drawn.

A file is decoded again for this, in a separate process as when it was judged. A source that cannot be read twice has no copy.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.annotation.annotated_picture import annotated
from screener.annotation.paths_of_faces import PathsOfFaces
from screener.annotation.people import Shown
from screener.encoding.h264 import write_h264
from screener.encoding.video_writer import fitted
from screener.errors import OutputError, SourceError
from screener.records import FaceScore, Frame, TrackVerdict, Verdict, VideoFacts
from screener.report.html import page_name
from screener.report.wording import by_suspicion, clock, numbered, spelt_out
from screener.runtime.files import make_folder, put_in_place, remove_leftovers, telling, write_whole
from screener.settings import ScanSettings
from screener.video import Source, Video, open_video, with_sound

NEAR_LOSSLESS_CRF = 12
"""x264's rate factor without a visible difference; 0 would be lossless, at ten times the size."""

STILLS_PER_PERSON = 3
MOST_PEOPLE = 12

READING_SECONDS = 24 * 3600.0
"""Limit for reading a file again. The limit of judging would cut the copy short, because the time for drawing and encoding counts as well.
A decoder that hangs is stopped much earlier.
"""

SOUND_SECONDS = 3600.0
"""Limit for copying the sound of one file."""

_STOPPED = {"limit_time", "timeout", "decoder_crash"}
"""Reasons of a reading that stopped before the end of the file."""


class _ReadAgain:
    """A folder of pictures of inputs that are read again. written: their number. left_out: names of inputs that could not be read twice."""

    def __init__(self, folder: Path, settings: ScanSettings) -> None:
        """Create the folder if needed. Raises OutputError."""
        make_folder(folder)
        remove_leftovers(folder)
        self._folder, self._settings = folder, _every_frame(settings)
        self.written = 0
        self.left_out: list[str] = []

    def _is_readable_again(self, source: Source) -> bool:
        if source.kind in ("file", "sequence"):
            return True
        self.left_out.append(source.name)
        return False


class CopyFolder(_ReadAgain):
    """Writes one annotated copy after another."""

    def add(self, verdict: Verdict, source: Source) -> None:
        """Write the annotated copy of one input, named like its page in a report. Raises OutputError."""
        if not verdict.video.frames_decoded:
            return
        if not self._is_readable_again(source):
            return
        stem = page_name(verdict).removesuffix(".html")
        if verdict.video.is_still:
            self._picture(verdict, source, stem)
        else:
            self._video(verdict, source, stem)
        self.written += 1

    def _picture(self, verdict: Verdict, source: Source, stem: str) -> None:
        paths = PathsOfFaces(verdict)
        with open_video(source, self._settings) as video:
            frame = next(iter(video.frames()))
        write_whole(self._folder / f"{stem}.png", _png(annotated(frame.picture_rgb, paths.at(0.0), verdict, None)), follow=False)

    def _video(self, verdict: Verdict, source: Source, stem: str) -> None:
        # Names that `remove_leftovers` recognises if this process is killed.
        made, whole = (self._folder / f".screener-{secrets.token_hex(8)}.part" for _ in range(2))
        try:
            write_h264(made, self._drawn(verdict, source), NEAR_LOSSLESS_CRF, verdict.video.fps)
            suffix = ".mp4"
            if source.path is not None and not _is_silent(verdict.video):
                suffix = with_sound(made, source.path, whole, replace(self._settings, time_limit_seconds=SOUND_SECONDS))
            else:
                os.replace(made, whole)
            with telling(whole):
                put_in_place(whole, self._folder / f"{stem}{suffix}")
        finally:
            made.unlink(missing_ok=True)
            whole.unlink(missing_ok=True)

    def _drawn(self, verdict: Verdict, source: Source) -> Iterator[Frame]:
        """Every frame with the people at its time drawn on it, at the size of the first frame; times start at 0."""
        paths, size_wh = PathsOfFaces(verdict), (0, 0)
        with open_video(source, self._settings) as video:
            for frame in video.frames():
                picture = annotated(frame.picture_rgb, paths.at(frame.pts_seconds), verdict, frame.pts_seconds)
                size_wh = size_wh if size_wh[0] else frame.size_wh
                if frame.pts_seconds >= 0:  # pictures hidden by an edit list are not copied
                    yield replace(frame, picture_rgb=fitted(picture, size_wh))
            _require_whole(video, verdict, source)


class _Face(NamedTuple):
    """One face to mark. number: of the person, as reports number people."""

    number: int
    person: TrackVerdict
    face: FaceScore


class StillsFolder(_ReadAgain):
    """Writes the most suspicious frames: for each person the whole frames with the highest scores, with that face marked."""

    def add(self, verdict: Verdict, source: Source) -> None:
        """Write the frames of one input, in a folder named like its page in a report. Raises OutputError."""
        wanted = _deciding(verdict)
        if not wanted:
            return
        if not self._is_readable_again(source):
            return
        folder = self._folder / page_name(verdict).removesuffix(".html")
        make_folder(folder)
        for frame, faces in _frames_of(wanted, verdict, source, self._settings):
            for number, person, face in faces:
                self._write(folder, verdict, frame, Shown(number, person.outcome, face.p_fake, face.box_xyxy, person.reasons))

    def _write(self, folder: Path, verdict: Verdict, frame: Frame, shown: Shown) -> None:
        seconds = None if verdict.video.is_still else frame.pts_seconds
        when = "" if seconds is None else f"-{clock(seconds, 2).replace(':', '.')}"
        name = f"person-{shown.number}{when}-score-{shown.p_fake:.2f}.png"
        write_whole(folder / name, _png(annotated(frame.picture_rgb, [shown], verdict, seconds)), follow=False)
        self.written += 1


def _deciding(verdict: Verdict) -> list[_Face]:
    """The faces whose frames are written, in order of time."""
    faces: dict[int, list[FaceScore]] = {}
    for face in verdict.frames:
        faces.setdefault(face.track_id, []).append(face)
    found = []
    for number, person in sorted(numbered(verdict), key=lambda item: by_suspicion(item[1]))[:MOST_PEOPLE]:
        best = sorted(faces.get(person.track_id, []), key=lambda face: (-face.p_fake, face.pts_seconds))
        found += [_Face(number, person, face) for face in best[:STILLS_PER_PERSON]]
    return sorted(found, key=lambda one: (one.face.pts_seconds, one.number))


def _frames_of(wanted: Sequence[_Face], verdict: Verdict, source: Source, settings: ScanSettings) -> Iterator[tuple[Frame, list[_Face]]]:
    """The first frame at or after the time of each face, with the faces to mark on it."""
    left = list(wanted)
    with open_video(source, settings) as video:
        for frame in video.frames():
            here = [one for one in left if one.face.pts_seconds <= frame.pts_seconds + 1e-4]
            if here:
                left = left[len(here) :]
                yield frame, here
            if not left:
                return
        _require_whole(video, verdict, source)


def _require_whole(video: Video, verdict: Verdict, source: Source) -> None:
    """Raise SourceError if this reading stopped early and judging did not: what was made of it would lack what the verdict speaks of."""
    for reason in video.facts.reasons:
        if reason in _STOPPED and reason not in verdict.video.reasons:
            raise SourceError(reason, f"{source.name}: reading it again was not finished: {spelt_out([reason])[0]}")


def _is_silent(video: VideoFacts) -> bool:
    """Whether it is an animation in a picture format, which has no sound; FFmpeg cannot open all of these."""
    return video.reader == "pillow" or video.codec == "webp"


def _every_frame(settings: ScanSettings) -> ScanSettings:
    return replace(settings, all_frames=True, fps=None, until_sure=False, budget_seconds=None, time_limit_seconds=READING_SECONDS)


def _png(picture_rgb: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise OutputError(f"a picture of {picture_rgb.shape} cannot be written as PNG")
    return data.tobytes()
