"""The files a user wants besides a report. Separate from `companions`, whose libraries are slow to load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CompanionOptions:
    """Folders to write to, and the key to sign with; None if not requested."""

    markers: Path | None = None
    annotate: Path | None = None
    stills: Path | None = None
    sign: Path | None = None
