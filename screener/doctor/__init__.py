"""Nothing in, findings out: proves on this machine that decoding, faces, weights, polarity and device work, and says what to do where not.

Importing it needs nothing but the standard library, so that it can still speak where a library is missing or broken. `findings` says what a
check is, `installation`, `devices`, `codecs` and `display` look at the machine, `self_test` runs the whole way on the clips of `specimen`
and holds it against `known_answers`.
"""

from screener.doctor.diagnosis import diagnose
from screener.doctor.findings import Finding, render

__all__ = ["Finding", "diagnose", "render"]
