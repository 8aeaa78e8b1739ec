"""How labelled videos and pictures become feature folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import DEVICES, DTYPES, at_least, one_of, require_known, share, within


@dataclass(frozen=True)
class ExtractSettings:
    """How labelled videos and pictures become feature folds.

    Sampling: frames: evenly spaced frames of each video. min_face_px: a smaller face, shorter side in pixels, is left out.
        cropped: the pictures are face crops already, so that no face is looked for in them.
        augment: augmented copies of each training crop, beside the plain one.
    Splitting (where the data gives no splits of its own):
        folds: how many; one fold is a train and a validation split. validation_share, test_share: of the files; several folds hold out a
        test split of this share first, and then each its own part of the rest for validation.
    seed: of the splits and the copies.
    device, dtype: where and how precisely the backbone runs. batch_size: crops that pass it together.
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
