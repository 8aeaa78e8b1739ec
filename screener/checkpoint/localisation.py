"""The figures of the locator, and the rule by which its map may be shown in reports.

Knows numbers. Does not know how they were measured (`evaluation.localisation`) or how a map is drawn (`report`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from screener.checkpoint.json_fields import read, refuse

FIGURE = "localisation"
"""Key in a contract's figures under which a `Localisation` is stored."""

LEAST_PIXEL_AUC = 0.80
LEAST_OVERLAP = 0.50
LEAST_GAIN = 0.05
"""What the lower ends of the intervals must reach. Blends mostly lie in the middle of a face, so a map that marks the middle of every face
already has a high AUC: only the gain over such a fixed map shows that a map describes the face at hand.
"""

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
    """How well the locator's map finds a known blended region; means over pictures that were not in training.

    pictures: number of self-blended pictures behind the figures. level: probability from which a cell counts as blended; chosen on other
    pictures. pixel_auc: probability that a blended cell of a picture scores above one that is not. overlap: intersection over union of the
    cells at or above `level` with the blended ones. fixed_overlap: the same for the best fixed map; gain: overlap minus fixed_overlap, per
    picture. pointing: share of pictures whose highest cell is a blended one. marked_on_reals: share of the cells of real pictures at or
    above `level`. parts: how often the edited part of a face was named, free-form.
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
        """What a report says about the map it shows; small and ready for JSON."""
        overlap = self.overlap
        return {
            "level": self.level,
            "overlap": overlap.value,
            "interval": [overlap.low, overlap.high],
            "fixed_overlap": self.fixed_overlap.value,
            "pictures": self.pictures,
        }


def localisation_of(figures: Mapping[str, Any]) -> Localisation | None:
    """The locator's figures in a contract's figures, None if it was never measured. Raises CheckpointError if they are invalid."""
    if FIGURE not in figures:
        return None
    found: Localisation = read(f"figures.{FIGURE}", Localisation, figures[FIGURE])
    return found
