"""How labelled videos and pictures become feature folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import DEVICES, DTYPES, at_least, one_of, require_known, share, within


@dataclass(frozen=True)
class ExtractSettings:
    """How labelled videos and pictures become feature folds.

    Sampling:
        frames: number of evenly spaced frames per video. min_face_px: faces with a shorter side than this, in pixels, are left out.
        cropped: the pictures are face crops already, so no faces are searched in them.
        augment: number of augmented copies of each training crop, in addition to the crop itself.
    Splitting (if the data gives no splits of its own):
        folds: number of folds, each with a train and a validation split. validation_share, test_share: of the files. With several folds, a
        test split of this share is held out first, and each fold validates on a different part of the rest.
    seed: of the splits and the copies.
    device, dtype: where and in which precision the backbone runs. batch_size: number of crops per batch.
    """

    frames: int = 32
    min_face_px: int = 40
    cropped: bool = False
    augment: int = 0
    folds: int = 1
    validation_share: float = 0.2
    test_share: float = 0.0
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name, lowest in (("frames", 1), ("min_face_px", 8), ("augment", 0), ("folds", 1), ("seed", 0), ("batch_size", 1)):
            at_least(name, getattr(self, name), lowest)
        if not isinstance(self.cropped, bool):
            raise SettingsError(f"cropped: expected true or false, got {self.cropped!r}")
        within("validation_share", self.validation_share, 0.01, 0.9)
        share("test_share", self.test_share)
        if self.validation_share + self.test_share >= 1:
            raise SettingsError(f"validation_share and test_share: expected a sum below 1, got {self.validation_share + self.test_share:g}")
        one_of("device", self.device, DEVICES)
        one_of("dtype", self.dtype, DTYPES)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> ExtractSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        require_known(cls, values)
        return cls(**values)
