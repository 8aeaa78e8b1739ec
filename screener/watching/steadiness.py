"""Hysteresis for the outcome shown for one person: nothing is shown without evidence, and it does not flicker. Pure; knows no frames and no
clock.

Fake takes effect at once. It is withdrawn only if the window's outcome was different for `hold_seconds`; while the pooled score is within
`margin` of the threshold, fake stays in any case. Genuine is not held: it ends when its evidence ends, and returns after the evidence has
lasted for `hold_seconds` again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from screener.records import TrackVerdict

SILENT = frozenset({"too_short", "too_small", "low_quality"})
"""Reasons with which there is too little evidence to show a score."""


@dataclass(frozen=True)
class Steadiness:
    """min_seconds: minimum time between the first and the last judged frame before an outcome is shown."""

    threshold: float
    margin: float = 0.05
    hold_seconds: float = 2.0
    min_seconds: float = 1.0


class SteadyOutcome:
    """The shown outcome of one person, updated with each verdict over the rolling window."""

    def __init__(self, rules: Steadiness) -> None:
        self._rules = rules
        self._outcome = "undecided"
        self._doubted_since: float | None = None
        self._withdrawn = False
        self._genuine_since: float | None = None

    def step(self, fresh: TrackVerdict, evidence_seconds: float, now: float) -> TrackVerdict:
        """The verdict over the window at `now` -> the one to show. evidence_seconds: between the first and the last judged frame."""
        if evidence_seconds < self._rules.min_seconds and "too_short" not in fresh.reasons:
            fresh = replace(fresh, outcome="undecided", reasons=(*(r for r in fresh.reasons if r != "near_threshold"), "too_short"))
        self._genuine_since = None if fresh.outcome != "genuine" else now if self._genuine_since is None else self._genuine_since
        if self._stands(fresh):
            self._doubted_since = None
        elif fresh.outcome == "fake" or self._outcome != "fake":
            self._leave_genuine_or_come_to(fresh.outcome, now)
        else:
            self._doubted_since = now if self._doubted_since is None else self._doubted_since
            if now - self._doubted_since >= self._rules.hold_seconds:
                self._outcome, self._doubted_since = fresh.outcome, None
        return self._shown(fresh)

    def _leave_genuine_or_come_to(self, outcome: str, now: float) -> None:
        self._withdrawn |= self._outcome == "genuine"
        if (
            outcome == "genuine"
            and self._withdrawn
            and now - (now if self._genuine_since is None else self._genuine_since) < self._rules.hold_seconds
        ):
            return
        self._outcome, self._doubted_since = outcome, None

    def _stands(self, fresh: TrackVerdict) -> bool:
        if self._outcome == "fake" and not SILENT & set(fresh.reasons):
            return fresh.outcome == "fake" or (fresh.p_fake or 0.0) >= self._rules.threshold - self._rules.margin
        return fresh.outcome == self._outcome

    def _shown(self, fresh: TrackVerdict) -> TrackVerdict:
        if self._outcome != "undecided":
            # To hold an outcome over a gap in the evidence, its score must be known.
            if fresh.p_fake is not None:
                return replace(fresh, outcome=self._outcome, reasons=())
            self._outcome, self._doubted_since = "undecided", None
        reasons = fresh.reasons or ("near_threshold",)
        if SILENT & set(reasons):
            return replace(fresh, outcome="undecided", reasons=reasons, p_fake=None, interval=None, segments=())
        return replace(fresh, outcome="undecided", reasons=reasons)
