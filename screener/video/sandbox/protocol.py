"""The message format between the scanning process and the decoding process."""

from __future__ import annotations

import signal
import struct

LENGTH = struct.Struct("<Q")
"""Precedes each request and each answer: its number of bytes. The pixels of a frame follow its answer without a length, unless the answer
names the slot of shared memory that holds them.
"""

EMPTIED = b"."
"""Sent among the requests for each frame in shared memory, as soon as its slot may be filled again."""

STALLED_STATUS = 1
"""Exit status of a decoding process that hung, as used by the standard library's watchdog."""

CPU_STATUS = -int(getattr(signal, "SIGXCPU", 24))
"""Exit status, as `subprocess` gives it, of a decoding process that used up its CPU time."""

FAILED_STATUS = 70
"""Exit status of a decoding process that gave up."""
