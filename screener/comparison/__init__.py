"""Compares two files of one scene, such as a suspected fake and its presumed original: which intervals are the same, cut or replaced, and
whose face differs.

Combines decoding, face detection and tracking. It compares pixels with pixels, so it needs neither the network nor a checkpoint.
"""

from screener.comparison.comparing import compare
from screener.comparison.records import Comparison, Moment, Person, Side, Stretch

__all__ = ["Comparison", "Moment", "Person", "Side", "Stretch", "compare"]
