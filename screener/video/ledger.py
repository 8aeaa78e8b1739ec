"""The facts about one input while it is being read, and the complaints of the decoders.

Knows no container and no decoder; the readers write down here what they find.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from screener.errors import REASONS, WARNINGS

# Error-level lines that whole files cause too: references to frames before a clean cut, and the reader's own retries.
_HARMLESS = re.compile(rb"mmco:|co located POCs|number of reference frames|Last message repeated|deprecated pixel format|\[ WARN|^\s*$")
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

    def note(self, reason: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"reason: expected one of {sorted(REASONS)}, got {reason!r}")
        if reason not in self.reasons:
            self.reasons.append(reason)

    def warn(self, warning: str) -> None:
        if warning not in WARNINGS:
            raise ValueError(f"warning: expected one of {sorted(WARNINGS)}, got {warning!r}")
        if warning not in self.warnings:
            self.warnings.append(warning)


class Complaints:
    """What the decoders print about damage that they paper over: neither OpenCV nor FFmpeg's frame count shows it.

    Reads a file that stands for the process's standard error, so only a process of its own can use it; without one, nothing is heard.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    def new(self) -> list[bytes]:
        """Complaints since the last call, harmless ones left out; the file is emptied, so that it cannot grow without bound."""
        if self._descriptor is None:
            return []
        size = os.fstat(self._descriptor).st_size
        if not size:
            return []
        text = os.pread(self._descriptor, min(size, _MESSAGE_BYTES), 0)
        os.ftruncate(self._descriptor, 0)
        return [line for line in text.splitlines() if not _HARMLESS.search(line)]
