"""How a head is trained on feature folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import DEVICES, DTYPES, above_zero, at_least, one_of, random_seed, require_known, share, within

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
"""`--preset` -> values that differ from the defaults, which are the method as first published."""


@dataclass(frozen=True)
class TrainSettings:
    """How a head is trained on feature folds. The defaults are the method as first published; `PRESETS` names other starting points.

    What is learnt:
        preset: name of the values that the others are based on. epochs: passes over the training rows.
        batch_size: features per step, over all processes together; the last batches are evened out. dropout: before the linear layer.
        head_start: `layer4` takes layer4 from the checkpoint with a new linear layer, `checkpoint` takes its linear layer too, `random`
        nothing. keep: which epoch's weights to keep, the `last` or the `best` by validation AUC.
        validation_share: share of the training rows, in whole groups, held out if a fold has no validation split.
    How:
        optimiser: `adam` with weight decay added to the gradient of every weight, as published; `adamw` and `sgd` decay only weights that
        are multiplied with features. learning_rate: at its peak. schedule: after a linear rise of warm_up_epochs. weight_decay.
        l1_factor: factor of the sum of |w|, which is added to the loss. l1_scope: over the linear layer (`answer`) or all of the `head`;
        see `optimisation.l1_term` for what the latter does.
        class_balance: weight the loss so that both classes count the same. label_smoothing: share of the label distributed over both
        classes.
        mixup: parameter of the beta distribution by which pairs of features are mixed, 0 for none.
        average_decay: of the running average of the weights, which is then validated and kept; 0 for none.
        patience: stop after this many epochs without a better validation AUC; 0 trains all epochs.
        seed: of the split, order, dropout, mixing and new weights.
    Running:
        device, dtype: where and in which precision. save_every_seconds: at most this much work is lost by a stop.
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
        for name, lowest in (("epochs", 1), ("batch_size", 2), ("patience", 0)):
            at_least(name, getattr(self, name), lowest)
        random_seed(self.seed)
        for name in ("learning_rate", "save_every_seconds"):
            above_zero(name, getattr(self, name))
        for name in ("warm_up_epochs", "weight_decay", "l1_factor", "mixup"):
            within(name, getattr(self, name), 0, float("inf"))
        for name in ("dropout", "label_smoothing", "average_decay"):
            share(name, getattr(self, name))
        within("validation_share", self.validation_share, 0.01, 0.9)
        for name, choices in _TRAIN_CHOICES.items():
            one_of(name, getattr(self, name), choices)
        if not isinstance(self.class_balance, bool):
            raise SettingsError(f"class_balance: expected true or false, got {self.class_balance!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> TrainSettings:
        """The preset that `values` names, overridden by everything else in `values`. Raises SettingsError naming unknown keys."""
        require_known(cls, values)
        preset = values.get("preset", cls.preset)
        one_of("preset", preset, tuple(PRESETS))
        return cls(**{**PRESETS[preset], **values})


_TRAIN_CHOICES: dict[str, tuple[str, ...]] = {
    "preset": tuple(PRESETS), "head_start": HEAD_STARTS, "keep": KEEPS, "optimiser": OPTIMISERS, "schedule": SCHEDULES,
    "l1_scope": L1_SCOPES, "device": DEVICES, "dtype": DTYPES,
}  # fmt: skip
