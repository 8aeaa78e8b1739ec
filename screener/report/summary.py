"""Counts of a run's outcomes, updated one verdict at a time, so that no verdict has to be kept.

Does not know how it is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from screener.records import Verdict
from screener.report.wording import is_unreadable


@dataclass(frozen=True)
class Summary:
    """Counts over the inputs of one run.

    inputs: all of them, the sum of fake, genuine and undecided. unreadable: undecided inputs without a single decoded frame.
    partial: inputs of any outcome that were read or judged only in part. frames_judged: over all inputs.
    left_out: files in the given folders that are neither video nor picture by suffix and first bytes.
    elapsed_seconds: wall-clock time of the run.
    """

    inputs: int = 0
    fake: int = 0
    genuine: int = 0
    undecided: int = 0
    unreadable: int = 0
    partial: int = 0
    frames_judged: int = 0
    left_out: int = 0
    elapsed_seconds: float = 0.0

    def plus(self, verdict: Verdict) -> Summary:
        """These counts with one more verdict."""
        return replace(
            self,
            inputs=self.inputs + 1,
            fake=self.fake + (verdict.outcome == "fake"),
            genuine=self.genuine + (verdict.outcome == "genuine"),
            undecided=self.undecided + (verdict.outcome == "undecided"),
            unreadable=self.unreadable + is_unreadable(verdict),
            partial=self.partial + (verdict.coverage == "partial"),
            frames_judged=self.frames_judged + verdict.video.frames_judged,
        )

    def lasting(self, elapsed_seconds: float) -> Summary:
        """These counts with the wall-clock time of the run."""
        return replace(self, elapsed_seconds=elapsed_seconds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON; seconds to the millisecond."""
        return {**asdict(self), "elapsed_seconds": round(self.elapsed_seconds, 3)}
