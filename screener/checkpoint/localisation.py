"""What was measured of the locator, and the rule by which its map earns a place in reports.

Knows numbers. Does not know how they were measured (`evaluation.localisation`) or how a map is drawn (`report`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from screener.checkpoint.json_fields import read, refuse

FIGURE = "localisation"
"""Name of the entry in a contract's figures that a `Localisation` is stored under."""

LEAST_PIXEL_AUC = 0.80
LEAST_OVERLAP = 0.50
LEAST_GAIN = 0.05
"""What the lower ends of the intervals must reach. Blends mostly lie in the middle of a face, so a map that says so of every face has a
high AUC already: the gain over such a map is what shows that a map speaks of the face it is drawn on."""

RULE = (
    f"the lower ends of the 95 % intervals reach: pixel AUC {LEAST_PIXEL_AUC:g}, overlap {LEAST_OVERLAP:g}, and overlap above that of the "
    f"best map that is the same for every face {LEAST_GAIN:g}"
)


@dataclass(frozen=True)
class Measured:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            refuse("low, high", f"an interval around {self.value:g}", (self.low, self.high))


@dataclass(frozen=True)
class Localisation:
    """How well the locator's map finds a blended region that is known, means over pictures that training never saw.

    pictures: self-blended pictures that the figures rest on. level: share of certainty from which on a cell counts as blended; chosen on
    other pictures. pixel_auc: chance that a blended cell of a picture lies above one that is not. overlap: intersection over union of the
    cells at or above `level` with the blended ones. fixed_overlap: the same for the best map that is the same for every face; gain: overlap
    less fixed_overlap, picture by picture. pointing: share of pictures whose highest cell is a blended one. marked_on_reals: share of the
    cells of real pictures that lie at or above `level`. parts: how often the edited part of a face was named, free-form.
    """

    pictures: int
    level: float
    pixel_auc: Measured
    overlap: Measured
    fixed_overlap: Measured
    gain: Measured
    pointing: Measured
    marked_on_reals: float
    parts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pictures < 1:
            refuse("pictures", "at least 1", self.pictures)
        if not 0 < self.level < 1:
            refuse("level", "a share between 0 and 1", self.level)

    @property
    def earned(self) -> bool:
        """Whether the map may be shown, by RULE."""
        return self.pixel_auc.low >= LEAST_PIXEL_AUC and self.overlap.low >= LEAST_OVERLAP and self.gain.low >= LEAST_GAIN

    def summary(self) -> dict[str, Any]:
        """What a report says of the map it shows; small and ready for JSON."""
        overlap = self.overlap
        return {
            "level": self.level,
            "overlap": overlap.value,
            "interval": [overlap.low, overlap.high],
            "fixed_overlap": self.fixed_overlap.value,
            "pictures": self.pictures,
        }


def localisation_of(figures: Mapping[str, Any]) -> Localisation | None:
    """What a contract's figures say of the locator, None when it was never measured; raises CheckpointError when that is not sound."""
    if FIGURE not in figures:
        return None
    found: Localisation = read(f"figures.{FIGURE}", Localisation, figures[FIGURE])
    return found
