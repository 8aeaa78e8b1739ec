"""Two files of one scene, such as a suspected fake and its presumed original: which stretches are the same, cut or replaced, and whose face
differs.

Puts decoding, face detection and tracking together. No network judges here and no checkpoint is needed: pictures are held against pictures.
"""

from screener.comparison.comparing import compare
from screener.comparison.records import Comparison, Moment, Person, Side, Stretch

__all__ = ["Comparison", "Moment", "Person", "Side", "Stretch", "compare"]
