"""What the scanning process and the decoding process agree on."""

from __future__ import annotations

import signal
import struct

LENGTH = struct.Struct("<Q")
"""Goes before each request and each answer: how many bytes of it follow. The pixels of a frame follow its answer without one, unless the
answer names the slot of shared memory that they are in."""

EMPTIED = b"."
"""Comes back among the requests for each such frame, as soon as its slot may be filled again."""

STALLED_STATUS = 1
"""Exit status of a decoding process that hung; it is the one that the standard library's watchdog uses."""

CPU_STATUS = -int(getattr(signal, "SIGXCPU", 24))
"""Exit status, as `subprocess` gives it, of a decoding process that used up its processor time."""

FAILED_STATUS = 70
"""Exit status of a decoding process that gave up."""
