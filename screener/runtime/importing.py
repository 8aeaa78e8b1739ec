"""Faster imports of large libraries. Knows none of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable garbage collection in the block: an import creates hundreds of thousands of objects that stay alive, and scanning them takes
    a tenth of PyTorch's import time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
