"""What a user wants written besides a report. Apart from `companions`, whose libraries take a while to load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wishes:
    """Folders to write to, and the key to sign with; None for none."""

    markers: Path | None = None
    annotate: Path | None = None
    stills: Path | None = None
    sign: Path | None = None
