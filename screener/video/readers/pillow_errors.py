"""What Pillow raises on damaged files."""

from __future__ import annotations

import struct

from PIL import Image

PILLOW_ERRORS = (OSError, EOFError, ValueError, SyntaxError, LookupError, struct.error, Image.DecompressionBombError)
