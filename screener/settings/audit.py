"""How strict the audit is; the only place of its defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from screener.errors import SettingsError


@dataclass(frozen=True)
class AuditSettings:
    """What counts as a near copy, and as a fact that tells the label.

    auc_bound: a fact stands out if its AUC reaches this and is significantly above 0.5. folds: of the cross-validation behind it.
    hash_bits: maximum number of differing bits, of 64, in the hashes of near copies. correlation: minimum correlation of their fine detail.
    seed: of the folds and the model. readers: number of files read at a time.
    """

    auc_bound: float = 0.65
    folds: int = 5
    hash_bits: int = 10
    correlation: float = 0.74
    seed: int = 0
    readers: int = 4

    def __post_init__(self) -> None:
        for name, lowest, highest in (("folds", 2, 20), ("hash_bits", 0, 20), ("seed", 0, 2**32 - 1), ("readers", 1, 64)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
                raise SettingsError(f"{name}: expected a whole number from {lowest} to {highest}, got {value!r}")
        for name, low in (("auc_bound", 0.5), ("correlation", 0.0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= 1:
                raise SettingsError(f"{name}: expected a number from {low:g} to 1, got {number!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)
