"""The errors that screener raises, the reasons and warnings that it reports, and the exit status they lead to.

Every message says what, where, and what to do. Each error also subclasses the builtin that a caller would catch.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

REASONS: dict[str, str] = {
    "not_found": "it cannot be found",
    "permission": "the file may not be read",
    "not_regular": "it is not a regular file",
    "empty": "the file is empty",
    "not_media": "it is neither a video nor a picture",
    "no_video": "it holds no moving or still picture",
    "unsupported_codec": "no reader here can decode its video",
    "encrypted": "its video is encrypted",
    "refused_playlist": "playlists that open other files are refused",
    "refused_protocol": "this kind of address is refused",
    "refused_address": "addresses inside private networks are refused",
    "limit_pixels": "its pictures are larger than the limit",
    "limit_time": "the time limit was reached before its end",
    "limit_size": "it holds more than the limit allows",
    "truncated": "it ends before its header says it should",
    "corrupt": "parts of it could not be decoded",
    "unread_part": "it holds a part that was not judged",
    "decoder_crash": "the program failed while decoding or judging it",
    "timeout": "reading it took too long",
    "stream_lost": "the stream broke off",
    "no_face": "no face was found",
    "too_small": "the face is too small to judge",
    "too_short": "the face is seen in too few frames to judge",
    "low_quality": "the face is too blurred to judge",
    "out_of_range": "it lies outside what the checkpoint was calibrated on",
    "near_threshold": "the scores are neither clearly genuine nor clearly fake",
    "partly_judged": "only part of it was judged, where nothing looks fake",
    "output_failed": "the result could not be written",
}
"""Why an outcome is undecided or coverage is not complete, with its description."""

WARNINGS: dict[str, str] = {
    "multi_video": "it holds several video streams; the one that players show was read",
    "second_part": "another recording follows behind the first; it was not read",
    "picture_series": "its numbered pictures were taken for the frames of one film and judged together, at 25 frames a second",
    "hidden_pictures": "an edit list hides pictures from players; they were judged too, those before the beginning at times below 0",
    "resolution_change": "the picture changes size on the way",
    "interlaced": "its pictures are interlaced; each was made whole from two fields",
    "hdr": "its colours are high dynamic range; they were shown as on an ordinary screen, which the checkpoint has not seen",
    "variable_rate": "its frame rate varies",
    "gap": "there are gaps in its timestamps",
    "nonmonotonic": "its timestamps run backwards in places",
    "clock_jump": "its clock leaps forward where recordings were joined; its time here goes on without the leap",
    "end_unverified": "its container does not say where it should end",
    "damage_unverified": "its pictures were decoded on a graphics card, which does not tell of damage inside them",
    "harmless_complaints": "its decoder complained of what does not touch the pictures",
    "sparse": "only parts of the file were decoded; damage elsewhere would go unnoticed",
}
"""What the user should know although it did not stop the judgement."""


class ScreenerError(Exception):
    """Base class of all errors that screener raises."""


class SettingsError(ScreenerError, ValueError):
    """A setting or option is wrong."""


class SourceError(ScreenerError, OSError):
    """An input could not be opened or read; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"reason: expected one of {sorted(REASONS)}, got {reason!r}")
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError would pickle the arguments of its own constructor; the decoding process must be able to send this error.
        return type(self), (self.reason, self.message)


class CheckpointError(ScreenerError, ValueError):
    """A checkpoint is invalid or does not fit."""


class DeviceError(ScreenerError, RuntimeError):
    """The requested device is missing or unsuitable."""


class DatasetError(ScreenerError, ValueError):
    """Training or evaluation data is wrong; names file and row."""


class OutputError(ScreenerError, OSError):
    """A result could not be written."""


class ExitStatus(IntEnum):
    """Exit status of the command line, in falling priority."""

    INTERRUPTED = 130
    TERMINATED = 143
    COULD_NOT_RUN = 2
    FAKE = 1
    INCOMPLETE = 3
    GENUINE = 0


def exit_status(outcomes: Iterable[tuple[str, str]], allow_incomplete: bool = False) -> ExitStatus:
    """(outcome, coverage) of every input -> exit status: 1 if any is fake, 3 if any is undecided or not completely judged, else 0."""
    pairs = list(outcomes)
    if any(outcome == "fake" for outcome, _ in pairs):
        return ExitStatus.FAKE
    if not allow_incomplete and any(outcome != "genuine" or coverage != "complete" for outcome, coverage in pairs):
        return ExitStatus.INCOMPLETE
    return ExitStatus.GENUINE
