"""How often verdicts were right on labelled videos that their threshold was not fitted to: fakes found, and reals called fake.

Knows counts. Does not know how they were measured (`evaluation.held_out`) or how a report words them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from screener.checkpoint.json_fields import read, refuse

FIGURE = "rates"
"""Key in a contract's figures under which the `Rates` are stored."""


@dataclass(frozen=True)
class Rates:
    """Verdicts at one operating point, on folds that neither calibration nor threshold was fitted to.

    fpr: of the operating point. reals, fakes: number of videos with a score. reals_called_fake, fakes_found: those at or above the
    threshold.
    """

    fpr: float
    reals: int
    reals_called_fake: int
    fakes: int
    fakes_found: int

    def __post_init__(self) -> None:
        if not 0 <= self.reals_called_fake <= self.reals:
            refuse("reals_called_fake", f"a count from 0 to {self.reals}", self.reals_called_fake)
        if not 0 <= self.fakes_found <= self.fakes:
            refuse("fakes_found", f"a count from 0 to {self.fakes}", self.fakes_found)


def every_rate(figures: Mapping[str, Any]) -> tuple[Rates, ...]:
    """The rates in a contract's figures, of all operating points. Raises CheckpointError if they are invalid."""
    every: tuple[Rates, ...] = read(f"figures.{FIGURE}", tuple[Rates, ...], figures.get(FIGURE, ()))
    return every


def rates_of(figures: Mapping[str, Any], fpr: float) -> Rates | None:
    """The rates in a contract's figures for one operating point; None if not measured. Raises CheckpointError."""
    return next((rates for rates in every_rate(figures) if abs(rates.fpr - fpr) <= 1e-9), None)
