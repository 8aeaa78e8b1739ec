"""Checks on this machine that decoding, faces, weights, polarity and device work, and says what to do if not. Findings out.

Importing it needs only the standard library, so that it can report a missing or broken library. `findings` defines a check; `installation`,
`devices`, `codecs`, `card` and `display` examine the machine; `self_test` runs a whole scan on the clips of `specimen`, compares it with
`known_answers`, and the engines with each other (`engines`).
"""

from screener.doctor.diagnosis import diagnose
from screener.doctor.findings import Finding, render

__all__ = ["Finding", "diagnose", "render"]
