"""How backbone and head are trained together on pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from screener.errors import SettingsError
from screener.settings.checks import DEVICES, above_zero, at_least, one_of, random_seed, require_known, share, within

FAKE_SOURCES = ("matched", "decoded", "self_blended", "swapped", "unmatched")
"""Where the fake of a pair may come from; see `training.pairs`."""

AUTOENCODER_PASSES = ("autoencoder", "face-autoencoder")
SWAP_DECODERS = ("swap-96", "swap-128", "swap-192", "swap-224")
"""What may draw faces for `decoded` pairs; see `training.decoders`."""


@dataclass(frozen=True)
class EndToEndSettings:
    """How backbone and head are trained together on pictures.

    Duration and speed:
        init: `default` continues from the weights that ship with screener, `random` starts from random weights, `imagenet` from
        torchvision's published weights; anything else is the path of a checkpoint, or of torchvision's weights as a `.pth` file. Channels
        that occur several times in it are trained as one. inner_times: how often each inner channel of the bottlenecks is repeated first,
        with noise, so that the copies can learn different things; a power of two.
        minutes: wall-clock length of the whole training, without the training of the decoders. input_size, crop_margin: of the checkpoint:
        side of its input in pixels, and side of the crop over the longer side of the face box.
        grow: start with smaller pictures, which is the most efficient with random weights. pairs: real and fake pictures in a batch, in
        pairs. learning_rate: at its peak; with random weights 5e-4 is usual. hold: share of a stage in which it stays at its peak before it
        falls. frozen_statistics: batch norms keep the means and variances of the initial weights, unless these are random; otherwise they
        follow the batches. ranking: weight of the loss that wants the fake of a pair above its real one; 0 to disable, unused
        with a teacher.
        teacher: `default` or the path of a checkpoint whose scores and maps are learnt in place of labels and masks; if it is scored
        relative to copies of the crops, so is what is learnt, in one pass. copy_weight, copy_quality: instead of its own, the share of a
        copy's logit to subtract, 0 for none, and the JPEG quality of the copy. more_teachers: further ones, with the number
        that their logits are multiplied by before they are added to the teacher's; they are shown their own crops and copies.
    Training data:
        shares: how often the fake of a pair comes from which of `FAKE_SOURCES`, relative to each other; those left out are 0, and an empty
        value means the defaults. If the data has nothing for a source, its share is distributed to the others.
        decoders: what draws faces for `decoded` pairs before the training starts: names from `AUTOENCODER_PASSES`, or from `SWAP_DECODERS`
        with the training time of each in seconds. autoencoder: folder with the autoencoder's two files, for its passes.
        hardness: how strongly pictures are degraded, at the start and after two thirds, 0 to 1. strength: of the mismatch inside a blended
        fake, likewise; 1 is full. video: share of the pairs that are coded by a video codec instead of a picture codec. tone: share of the
        pictures that are softened or sharpened as a whole. same_route: share of the pairs whose two pictures are degraded in the same way.
        level: share of the pairs in which the sharper picture is first softened to the fine detail of the other. level_by_region: share of
        those in which what is forged and what is around it are softened each for itself, so that uneven sharpness tells nothing either.
        other_real: share of the matched pairs whose real picture is another one of the same group, such as another frame of the video.
        motion_blur: share of the pictures, real or fake, that get motion blur, of the head or of everything. shown_px: smallest and largest
        side, in pixels, at which a crop is displayed before it is brought to input_size; larger than 1.8 times that it never is. moments:
        number of pairs taken from one clip; more are cheaper, but more alike. worn: share of the blended pairs whose picture is made noisy,
        soft or compressed before a cleaner part is inserted. around: share of the other self-blends in which what is around the part is
        changed instead of the part; with 0.5 neither side is the softer one more often.
    seed: of the pictures drawn and of new weights. device: where to train. save_every_seconds: about as much work is lost by a stop.
    """

    init: str = "default"
    inner_times: int = 1
    minutes: float = 60.0
    input_size: int = 224
    crop_margin: float = 1.3
    grow: bool = True
    pairs: int = 16
    learning_rate: float = 1.5e-4
    hold: float = 0.0
    frozen_statistics: bool = True
    ranking: float = 0.5
    teacher: str = ""
    more_teachers: dict[str, float] = field(default_factory=dict)
    copy_weight: float | None = None
    copy_quality: int = 20
    shares: dict[str, float] = field(default_factory=dict)
    decoders: dict[str, float] = field(default_factory=dict)
    autoencoder: str = ""
    hardness: tuple[float, float] = (0.25, 0.55)
    strength: tuple[float, float] = (1.0, 0.8)
    video: float = 0.7
    tone: float = 0.35
    same_route: float = 0.5
    level: float = 0.75
    other_real: float = 0.0
    motion_blur: float = 0.0
    level_by_region: float = 0.0
    shown_px: tuple[float, float] = (84.0, 288.0)
    worn: float = 0.3
    around: float = 0.25
    moments: int = 1
    seed: int = 0
    device: str = "auto"
    save_every_seconds: float = 240.0

    def __post_init__(self) -> None:
        if not isinstance(self.init, str) or not self.init:
            raise SettingsError(f"init: expected default, random, imagenet or a path, got {self.init!r}")
        at_least("inner_times", self.inner_times, 1)
        if self.inner_times > 8 or self.inner_times.bit_count() > 1:
            raise SettingsError(f"inner_times: expected 1, 2, 4 or 8, got {self.inner_times!r}")
        for name in ("minutes", "learning_rate", "save_every_seconds"):
            above_zero(name, getattr(self, name))
        at_least("input_size", self.input_size, 64)
        if self.input_size % 16 or self.input_size > 1024:
            raise SettingsError(f"input_size: expected a multiple of 16 from 64 to 1024, got {self.input_size!r}")
        for name, lowest in (("pairs", 1), ("moments", 1)):
            at_least(name, getattr(self, name), lowest)
        random_seed(self.seed)
        share("hold", self.hold)
        within("crop_margin", self.crop_margin, 1, 3)
        within("ranking", self.ranking, 0, 10)
        for name in ("video", "tone", "same_route", "level", "other_real", "motion_blur", "level_by_region", "worn", "around"):
            within(name, getattr(self, name), 0, 1)
        for name, least, most in (("hardness", 0.0, 1.0), ("strength", 0.0, 2.0), ("shown_px", 40.0, 2048.0)):
            ends = getattr(self, name)
            if not isinstance(ends, tuple) or len(ends) != 2:
                raise SettingsError(f"{name}: expected two numbers, first and last, got {ends!r}")
            for end in ends:
                within(name, end, least, most)
        if self.shown_px[0] > self.shown_px[1]:
            raise SettingsError(f"shown_px: expected the smaller side first, got {self.shown_px!r}")
        if not isinstance(self.teacher, str):
            raise SettingsError(f"teacher: expected default or a path, got {self.teacher!r}")
        if not isinstance(self.autoencoder, str):
            raise SettingsError(f"autoencoder: expected the path of a folder, got {self.autoencoder!r}")
        _named_numbers("more_teachers", self.more_teachers)
        if self.more_teachers and not self.teacher:
            raise SettingsError("more_teachers: expected a teacher whose scores theirs are added to; name one with teacher")
        at_least("copy_quality", self.copy_quality, 1)
        within("copy_quality", self.copy_quality, 1, 100)
        if self.copy_weight is not None:
            within("copy_weight", self.copy_weight, 0, 1)
            if not self.teacher:
                raise SettingsError("copy_weight: expected a teacher whose copies it weighs; name one with teacher")
        elif self.copy_quality != type(self).copy_quality:
            raise SettingsError("copy_quality: expected with copy_weight, without which the teacher's own copies are made")
        for name in ("grow", "frozen_statistics"):
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"{name}: expected true or false, got {getattr(self, name)!r}")
        _named_numbers("shares", self.shares, FAKE_SOURCES)
        _named_numbers("decoders", self.decoders, AUTOENCODER_PASSES + SWAP_DECODERS)
        if self.shares and not any(self.shares.values()):
            raise SettingsError("shares: expected one above 0")
        for name in sorted(set(self.decoders) & set(SWAP_DECODERS)):
            above_zero(f"decoders.{name}", self.decoders[name])
        passes = sorted(set(self.decoders) & set(AUTOENCODER_PASSES))
        if passes and not self.autoencoder:
            raise SettingsError(f"autoencoder: expected the folder of its two files, for {' and '.join(passes)}")
        one_of("device", self.device, DEVICES)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> EndToEndSettings:
        """Settings from a mapping such as a TOML table; raises SettingsError naming any key that is not a setting."""
        require_known(cls, values)
        # TOML has lists but no tuples.
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**plain)


def _named_numbers(setting: str, values: Any, names: tuple[str, ...] = ()) -> None:
    if not isinstance(values, Mapping):
        raise SettingsError(f"{setting}: expected numbers by name, got {values!r}")
    for name, value in values.items():
        if names:
            one_of(setting, name, names)
        within(f"{setting}.{name}", value, 0, float("inf"))
