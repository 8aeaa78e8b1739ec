"""Collects the facts about one input while it is read, and the decoders' error messages.

Knows no container and no decoder; the readers write down here what they find.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from screener.errors import REASONS, WARNINGS
from screener.video.frame_rates import nearest_rate

# Error-level lines that undamaged files cause too, such as the reader's own retries.
_ORDINARY = re.compile(rb"Last message repeated|deprecated pixel format|\[ WARN|^\s*$")
_OF_A_CUT = re.compile(rb"mmco:|co located POCs|number of reference frames")
"""Messages about missing reference frames: these lie before a clean cut, or were lost."""

_HARMLESS = re.compile(
    rb"SEI type \d+ size \d+ truncated"  # an H.264 or HEVC message outside the pictures that claims more than it holds
    rb"|(non-existing|Unknown|Invalid|Overreading|Truncated|unsupported).{0,40}\bSEI\b"
    rb"|SPS \d+ referenced in buffering period"
    rb"|Invalid SOS parameters for sequential JPEG"  # cameras of one maker write three odd bytes before every scan
    rb"|libpng warning: [a-z]\w{3}:"  # a chunk that is not needed to show the picture, such as iCCP
    rb"|[Ss]ide data|dynamic HDR|HDR10\+|DOVI|Dolby Vision|ambient viewing|mastering display|content light"
)
"""Messages about something that does not affect the pictures."""

_SPEAKER = re.compile(rb"^\s*\[([\w,.]+) @ 0x")
_MESSAGE_BYTES = 65536


@dataclass
class Ledger:
    """`VideoFacts` in the making. `note` and `warn` keep each reason and warning once, in the order found."""

    duration_seconds: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    fps: float = 0.0
    codec: str = ""
    reader: str = ""
    is_still: bool = False
    frames_promised: int = 0
    frames_decoded: int = 0
    frames_sampled: int = 0
    decode_errors: int = 0
    decode_seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    frame_rate: str = ""

    def __post_init__(self) -> None:
        if not self.frame_rate and self.fps > 0:
            self.frame_rate = str(nearest_rate(self.fps))

    def note(self, reason: str) -> None:
        """Add a reason. Raises ValueError for one that is not in `errors.REASONS`."""
        if reason not in REASONS:
            raise ValueError(f"reason: expected one of {sorted(REASONS)}, got {reason!r}")
        if reason not in self.reasons:
            self.reasons.append(reason)

    def warn(self, warning: str) -> None:
        """Add a warning. Raises ValueError for one that is not in `errors.WARNINGS`."""
        if warning not in WARNINGS:
            raise ValueError(f"warning: expected one of {sorted(WARNINGS)}, got {warning!r}")
        if warning not in self.warnings:
            self.warnings.append(warning)


class Complaints:
    """The error messages that decoders print about damage that they conceal: OpenCV does not show it, nor does FFmpeg's frame count.

    Reads a file that replaces the process's standard error, so only a process of its own can use it; without one, there are no messages.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._harmless = False

    @property
    def were_harmless(self) -> bool:
        """Whether `new` left out messages as harmless, other than those that every other file causes. Asking resets this."""
        were, self._harmless = self._harmless, False
        return were

    def forget(self) -> None:
        """Drop the messages so far, because they belong to another input."""
        self.new()
        self._harmless = False

    def new(self, at_a_cut: bool = False) -> list[bytes]:
        """Messages since the last call that may concern a picture; the file is emptied, so that it cannot grow without bound.

        at_a_cut: decoding started after the beginning of a recording or after a seek, so references to missing frames are no damage.
        """
        if self._descriptor is None:
            return []
        size = os.fstat(self._descriptor).st_size
        if not size:
            return []
        text = os.pread(self._descriptor, min(size, _MESSAGE_BYTES), 0)
        os.ftruncate(self._descriptor, 0)
        # Otherwise what is printed next would be preceded by as many zeros as there was text, and reading would fall behind.
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        heard = [line for line in text.splitlines() if not (_ORDINARY.search(line) or (at_a_cut and _OF_A_CUT.search(line)))]
        damage = [line for line in heard if not _HARMLESS.search(line) and not _is_of_sound(line)]
        self._harmless |= len(damage) < len(heard)
        return damage


def _is_of_sound(line: bytes) -> bool:
    """Whether an audio or subtitle decoder printed the line."""
    speaker = _SPEAKER.match(line)
    return speaker is not None and speaker.group(1).decode("ascii", "replace") in _speakers_of_sound()


@cache
def _speakers_of_sound() -> frozenset[str]:
    from av.codec import Codec, codecs_available  # imported only once there is a message

    return frozenset(name for name in codecs_available if _kind_of(Codec, name) in ("audio", "subtitle"))


def _kind_of(codec: Any, name: str) -> str:
    try:
        return str(codec(name, "r").type)
    except ValueError:  # only an encoder has that name
        return ""
