"""Runs all checks in order. Knows which sections there are, not what they check."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from screener.doctor.findings import Examination, Finding
from screener.runtime.versions import DISTRIBUTION

SECTIONS = ("installation", "devices", "codecs", "card", "display", "self_test")
"""Modules of this package, each with `examine(examination, checkpoint, device)`."""

_ADVICE = f"if a library is missing or broken, install screener again in a fresh environment: pip install --force-reinstall {DISTRIBUTION}"


def diagnose(checkpoint: Path | None, device: str) -> list[Finding]:
    """Run every check on this machine, in order; a check that fails, in whatever way, never stops the others.

    checkpoint: weights to test, None for those that ship with screener. device: as in `ScanSettings`.
    """
    examination = Examination()
    for section in SECTIONS:
        # Imported here, so that missing libraries become a finding of this section.
        with examination.guarded(section.replace("_", " "), _ADVICE):
            import_module(f"screener.doctor.{section}").examine(examination, checkpoint, device)
    return examination.findings
