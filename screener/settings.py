"""The settings of a scan and of training, and the only home of their defaults.

Frozen and checked at construction. Does not know the command line or the checkpoint; a setting left at None is filled from the checkpoint.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from screener.errors import SettingsError

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16")

OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine")
KEEPS = ("last", "best")
HEAD_STARTS = ("layer4", "checkpoint", "random")
L1_SCOPES = ("answer", "head")

PRESETS: dict[str, dict[str, Any]] = {
    "published": {},
    "improved": {
        "optimiser": "adamw", "learning_rate": 3e-4, "weight_decay": 0.05, "l1_factor": 0.0, "schedule": "cosine", "warm_up_epochs": 1.0,
        "epochs": 20, "patience": 6, "keep": "best", "head_start": "checkpoint", "class_balance": True, "label_smoothing": 0.05,
        "mixup": 0.2, "average_decay": 0.98,
    },
}  # fmt: skip
"""What each `--preset` changes of the defaults, which are the method as it was first published."""


@dataclass(frozen=True)
class ScanSettings:
    """How one input is sampled, judged and reported.

    Sampling (the first that is set wins: all_frames, fps, frames):
        frames: how many evenly spaced frames. fps: frames per second of video. all_frames: every frame.
    Judging:
        fpr: operating point, as a false-positive rate that the checkpoint was measured at. threshold: overrides it, between 0 and 1.
        min_face_px: a face with a shorter side than this, pixels, is a passer-by and is not judged.
        min_frames: a person judged in fewer frames than this is `too_short`; does not apply to still pictures.
        min_sharpness: below it a crop is too blurred to judge (see `preprocess.sharpness`); None takes the checkpoint's.
        pooling: rule over one person's frames; None takes the checkpoint's.
    Running:
        device, dtype: where and how precisely to score. batch_size: crops scored together.
        detector: name of the face detector; None takes the checkpoint's.
        stream_seconds: how long an endless stream is watched. max_pixels: largest picture, width times height.
        time_limit_seconds: wall-clock limit for one input; None is none.
        thumbnails: how many crops per person are kept for the report.
    """

    frames: int = 32
    fps: float | None = None
    all_frames: bool = False
    fpr: float = 0.05
    threshold: float | None = None
    min_face_px: int = 40
    min_frames: int = 4
    min_sharpness: float | None = None
    pooling: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16
    detector: str | None = None
    stream_seconds: float = 30.0
    max_pixels: int = 8192 * 8192
    time_limit_seconds: float | None = None
    thumbnails: int = 6

    def __post_init__(self) -> None:
        _at_least("frames", self.frames, 1)
        _at_least("min_face_px", self.min_face_px, 8)
        _at_least("min_frames", self.min_frames, 1)
        _at_least("batch_size", self.batch_size, 1)
        _at_least("max_pixels", self.max_pixels, 1)
        _at_least("thumbnails", self.thumbnails, 0)
        _above_zero("fps", self.fps)
        _above_zero("stream_seconds", self.stream_seconds)
        _above_zero("time_limit_seconds", self.time_limit_seconds)
        if not (_is_number(self.fpr) and 0 < self.fpr < 1):
            raise SettingsError(f"fpr: expected a rate between 0 and 1, such as 0.05, got {self.fpr!r}")
        if self.threshold is not None and not (_is_number(self.threshold) and 0 < self.threshold < 1):
            raise SettingsError(f"threshold: expected a probability between 0 and 1, got {self.threshold!r}")
        if self.min_sharpness is not None and not (_is_number(self.min_sharpness) and 0 <= self.min_sharpness < float("inf")):
            raise SettingsError(f"min_sharpness: expected a number of at least 0, got {self.min_sharpness!r}")
        if not isinstance(self.all_frames, bool):
            raise SettingsError(f"all_frames: expected true or false, got {self.all_frames!r}")
        for name in ("pooling", "detector"):
            if not isinstance(getattr(self, name), str | None):
                raise SettingsError(f"{name}: expected a name, got {getattr(self, name)!r}")
        if self.device not in DEVICES:
            raise SettingsError(f"device: expected one of {', '.join(DEVICES)}, got {self.device!r}")
        if self.dtype not in DTYPES:
            raise SettingsError(f"dtype: expected one of {', '.join(DTYPES)}, got {self.dtype!r}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> ScanSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        return cls(**values)


@dataclass(frozen=True)
class TrainSettings:
    """How a head learns on feature folds. The defaults are the method as first published; `PRESETS` names other starting points.

    What is learnt:
        preset: the values that the others started from. epochs: passes over the training rows.
        batch_size: features in a step, over all processes together; the last batches are evened out. dropout: before the linear layer.
        head_start: `layer4` takes layer4 from the checkpoint under a new linear layer, `checkpoint` takes its linear layer too, `random`
            nothing. keep: which epoch's weights, the `last` or the `best` by validation AUC.
        validation_share: of the training rows, whole groups at a time, held out where a fold has no validation split.
    How:
        optimiser: `adam` with weight decay added to the gradient of every weight, as published; `adamw` and `sgd` decay only what is
            multiplied with features. learning_rate: at its peak. schedule: after warm_up_epochs of a linear rise. weight_decay.
        l1_factor: times the sum of |w|, added to the loss. l1_scope: over the linear layer (`answer`) or all of the `head`; see
            `optimisation.l1_term` for what the latter does.
        class_balance: both classes weigh the same in the loss. label_smoothing: share of the label spread over both classes.
        mixup: parameter of the beta distribution by which pairs of features are mixed, 0 for none.
        average_decay: of the running average of the weights, which is then what is validated and kept; 0 for none.
        patience: epochs without a better validation AUC after which training stops; 0 trains all epochs.
        seed: of the split, order, dropout, mixing and new weights.
    Running:
        device, dtype: where and how precisely. save_every_seconds: a stop loses at most this much work.
    """

    preset: str = "published"
    epochs: int = 10
    batch_size: int = 120
    dropout: float = 0.5
    head_start: str = "layer4"
    keep: str = "last"
    validation_share: float = 0.2
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warm_up_epochs: float = 0.0
    weight_decay: float = 0.1
    l1_factor: float = 0.001
    l1_scope: str = "head"
    class_balance: bool = False
    label_smoothing: float = 0.0
    mixup: float = 0.0
    average_decay: float = 0.0
    patience: int = 0
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"
    save_every_seconds: float = 120.0

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 1), ("batch_size", 2), ("patience", 0), ("seed", 0)):
            _at_least(name, getattr(self, name), lowest)
        for name in ("learning_rate", "save_every_seconds"):
            _above_zero(name, getattr(self, name))
        for name in ("warm_up_epochs", "weight_decay", "l1_factor", "mixup"):
            _within(name, getattr(self, name), 0, float("inf"))
        for name in ("dropout", "label_smoothing", "average_decay"):
            _share(name, getattr(self, name))
        _within("validation_share", self.validation_share, 0.01, 0.9)
        for name, choices in _TRAIN_CHOICES.items():
            _one_of(name, getattr(self, name), choices)
        if not isinstance(self.class_balance, bool):
            raise SettingsError(f"class_balance: expected true or false, got {self.class_balance!r}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> TrainSettings:
        """The preset that `values` names with everything else in `values` laid over it; raises SettingsError naming unknown keys."""
        _require_known(cls, values)
        preset = values.get("preset", cls.preset)
        _one_of("preset", preset, tuple(PRESETS))
        return cls(**{**PRESETS[preset], **values})


_TRAIN_CHOICES: dict[str, tuple[str, ...]] = {
    "preset": tuple(PRESETS), "head_start": HEAD_STARTS, "keep": KEEPS, "optimiser": OPTIMISERS, "schedule": SCHEDULES,
    "l1_scope": L1_SCOPES, "device": DEVICES, "dtype": DTYPES,
}  # fmt: skip


@dataclass(frozen=True)
class EndToEndSettings:
    """How backbone and head learn together from pictures.

    init: `default` goes on from the weights that ship with screener, `random` starts from nothing, `imagenet` from torchvision's published
        weights; anything else is the path of a checkpoint, or of torchvision's weights as a `.pth` file.
    minutes: wall-clock length of the whole training. input_size: of the last stage and of the checkpoint, pixels; the stages before it are
        smaller. learning_rate: at its peak in the first stage. pairs: of a real and a fake picture in a batch.
    hardness: of the degradation, at the start and at the end, 0 to 1. strength: of the mismatch inside a fake, likewise; 1 is full.
    seed: of the pictures drawn and of new weights. device: where to train.
    """

    init: str = "default"
    minutes: float = 60.0
    input_size: int = 224
    learning_rate: float = 5e-4
    pairs: int = 16
    hardness: tuple[float, float] = (0.1, 0.25)
    strength: tuple[float, float] = (1.1, 0.8)
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.init, str) or not self.init:
            raise SettingsError(f"init: expected default, random, imagenet or a path, got {self.init!r}")
        for name in ("minutes", "learning_rate"):
            _above_zero(name, getattr(self, name))
        _at_least("input_size", self.input_size, 64)
        if self.input_size % 16 or self.input_size > 1024:
            raise SettingsError(f"input_size: expected a multiple of 16 from 64 to 1024, got {self.input_size!r}")
        _at_least("pairs", self.pairs, 1)
        _at_least("seed", self.seed, 0)
        for name, most in (("hardness", 1.0), ("strength", 2.0)):
            ends = getattr(self, name)
            if not isinstance(ends, tuple) or len(ends) != 2:
                raise SettingsError(f"{name}: expected two numbers, at the start and at the end, got {ends!r}")
            for end in ends:
                _within(name, end, 0, most)
        _one_of("device", self.device, DEVICES)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> EndToEndSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        _require_known(cls, values)
        # TOML has lists, and no tuples.
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**plain)


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
            _at_least(name, getattr(self, name), lowest)
        if not isinstance(self.cropped, bool):
            raise SettingsError(f"cropped: expected true or false, got {self.cropped!r}")
        _within("validation_share", self.validation_share, 0.01, 0.9)
        _share("test_share", self.test_share)
        if self.validation_share + self.test_share >= 1:
            raise SettingsError(f"validation_share and test_share: expected a sum below 1, got {self.validation_share + self.test_share:g}")
        _one_of("device", self.device, DEVICES)
        _one_of("dtype", self.dtype, DTYPES)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> ExtractSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        _require_known(cls, values)
        return cls(**values)


def _at_least(name: str, value: int, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise SettingsError(f"{name}: expected a whole number of at least {lowest}, got {value!r}")


def _above_zero(name: str, value: float | None) -> None:
    if value is not None and not (_is_number(value) and 0 < value < float("inf")):
        raise SettingsError(f"{name}: expected a number above 0, got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(name: str, value: float, lowest: float, highest: float) -> None:
    """Both ends included, infinity never."""
    if not (_is_number(value) and lowest <= value <= highest and value < float("inf")):
        raise SettingsError(f"{name}: expected a number from {lowest:g} to {highest:g}, got {value!r}")


def _share(name: str, value: float) -> None:
    if not (_is_number(value) and 0 <= value < 1):
        raise SettingsError(f"{name}: expected a share from 0 to below 1, got {value!r}")


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def _require_known(kind: Any, values: dict[str, Any]) -> None:
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
