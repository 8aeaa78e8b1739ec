"""One perturbation at one strength, for whole frames; and the list that `scan --stress` applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from screener.errors import SettingsError
from screener.perturbation.kinds import PERTURBATIONS, STRENGTHS, Perturbation, UInt8, random_numbers
from screener.records import Frame


@dataclass(frozen=True)
class Applied:
    """A perturbation at one strength."""

    kind: str
    strength: int

    def __post_init__(self) -> None:
        if self.kind not in PERTURBATIONS:
            raise SettingsError(f"perturbation: expected one of {', '.join(PERTURBATIONS)}, got {self.kind!r}")
        if self.strength not in STRENGTHS:
            raise SettingsError(f"strength: expected one of {', '.join(map(str, STRENGTHS))}, got {self.strength!r}")

    @property
    def perturbation(self) -> Perturbation:
        """The kind, from `PERTURBATIONS`."""
        return PERTURBATIONS[self.kind]

    @property
    def level(self) -> float:
        """The kind's parameter at this strength."""
        return self.perturbation.level(self.strength)

    @property
    def words(self) -> str:
        """`JPEG re-compression, quality 50`."""
        return f"{self.perturbation.words}, {self.perturbation.described(self.strength)}"

    def picture(self, picture_rgb: UInt8, file_name: str = "", frame_index: int = 0) -> UInt8:
        """(H, W, 3) -> the perturbed picture, possibly of another size. Deterministic."""
        rng = random_numbers(self.kind, file_name, frame_index)
        return self.perturbation.apply(picture_rgb, self.level, rng)

    def transform(self, file_name: str) -> Callable[[Frame], Frame]:
        """The transform for the frames of a file. Deterministic."""
        return lambda frame: replace(frame, picture_rgb=self.picture(frame.picture_rgb, file_name, frame.index))


STRESS = tuple(Applied(kind, strength) for kind in ("h264", "downscale", "blur") for strength in (1, 2))
"""Mild changes: H.264 at CRF 23 and 28, down-scaling by 1.25 and 1.5, blur with kernels of 7 and 9 pixels.

Stronger ones mostly leave nothing to judge: after blur of strength 3, 101 of 187 development clips are less sharp than the default weights
were calibrated for.
"""
