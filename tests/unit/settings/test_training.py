"""Training settings: each invalid value is refused by name, and options override presets."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from screener.errors import SettingsError
from screener.settings import PRESETS, EndToEndSettings, TrainSettings

NO_COUNT = [-1, 1.5, True, "3", None]
NO_SHARE = [-0.1, 1.0, math.nan, "x", True]
NO_AMOUNT = [-1.0, math.inf, math.nan, "x", True]
NO_NAME = ["other", 3, None, []]

WRONG: dict[str, list[Any]] = {
    "preset": NO_NAME,
    "epochs": [0, *NO_COUNT],
    "batch_size": [1, *NO_COUNT],
    "dropout": NO_SHARE,
    "head_start": NO_NAME,
    "keep": NO_NAME,
    "validation_share": [0, 0.95, math.nan, "x"],
    "optimiser": NO_NAME,
    "learning_rate": [0, *NO_AMOUNT],
    "schedule": NO_NAME,
    "warm_up_epochs": NO_AMOUNT,
    "weight_decay": NO_AMOUNT,
    "l1_factor": NO_AMOUNT,
    "l1_scope": NO_NAME,
    "class_balance": [1, "yes", None],
    "label_smoothing": NO_SHARE,
    "mixup": NO_AMOUNT,
    "average_decay": NO_SHARE,
    "patience": NO_COUNT,
    "seed": [2**63, *NO_COUNT],
    "device": NO_NAME,
    "dtype": NO_NAME,
    "save_every_seconds": [0, *NO_AMOUNT],
}
WRONG_END_TO_END: dict[str, list[Any]] = {
    "init": ["", 3, None],
    **{name: [1, "yes", None] for name in ("grow", "frozen_statistics")},
    "crop_margin": [0.9, 3.1, math.nan, "1.3", True],
    "ranking": [-0.1, 11, math.nan, "x", True],
    "teacher": [3, None, True],
    "more_teachers": [{"own": -1}, {"own": "x"}, {"own": 1.0}, "own", None],
    "autoencoder": [3, None, True],
    "copy_weight": [1.1, -0.5, math.nan, "x", True, 0.5],
    "copy_quality": [0, 101, *NO_COUNT],
    "hold": NO_SHARE,
    "shares": [{"matched": -1}, {"elsewhere": 1.0}, {"matched": 0.0}, [0.3], None],
    "decoders": [{"swap-96": -1}, {"swap-96": 0}, {"swap-97": 10}, "swap-96", None],
    "moments": [0, *NO_COUNT],
    "inner_times": [0, 3, 16, *NO_COUNT],
    "minutes": [0, *NO_AMOUNT],
    "input_size": [48, 100, 1040, *NO_COUNT],
    "learning_rate": [0, *NO_AMOUNT],
    "pairs": [0, *NO_COUNT],
    "hardness": [0.1, (0.1,), (0.1, 1.1), (-0.1, 0.5), ("a", "b"), None],
    "strength": [1.0, (1.0, 2.5), (math.nan, 1.0)],
    "shown_px": [150.0, (150.0,), (20.0, 200.0), (200.0, 100.0), (100.0, 4000.0), ("a", "b"), None],
    **{
        name: [-0.1, 1.1, math.nan, "0.5", True, None]
        for name in ("video", "tone", "same_route", "level", "other_real", "motion_blur", "level_by_region", "worn", "around")
    },
    "seed": [2**63, *NO_COUNT],
    "device": NO_NAME,
    "save_every_seconds": [0, *NO_AMOUNT],
}


@pytest.mark.parametrize(("kind", "wrong"), [(TrainSettings, WRONG), (EndToEndSettings, WRONG_END_TO_END)])
def test_wrong_values_are_refused_by_name(kind: Any, wrong: dict[str, list[Any]]) -> None:
    assert set(wrong) == {field.name for field in dataclasses.fields(kind)}
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(SettingsError, match=rf"^{name}(\.[\w-]+)?: expected "):
                kind(**{name: value})
            with pytest.raises(SettingsError, match=rf"^{name}(\.[\w-]+)?: expected "):
                kind.from_mapping({name: value})


def test_the_defaults_are_the_method_as_first_published() -> None:
    published = TrainSettings()
    assert (published.optimiser, published.learning_rate, published.weight_decay) == ("adam", 1e-3, 0.1)
    assert (published.l1_factor, published.batch_size, published.dropout, published.epochs) == (0.001, 120, 0.5, 10)
    assert (published.validation_share, published.schedule, published.keep, published.patience) == (0.2, "constant", "last", 0)
    assert TrainSettings.from_mapping({"preset": "published"}) == published


def test_what_is_given_lies_over_the_preset() -> None:
    improved = TrainSettings.from_mapping({"preset": "improved"})
    assert dataclasses.asdict(improved) == {**dataclasses.asdict(TrainSettings()), **PRESETS["improved"], "preset": "improved"}
    chosen = TrainSettings.from_mapping({"preset": "improved", "epochs": 3})
    assert chosen == dataclasses.replace(improved, epochs=3)
    assert TrainSettings.from_mapping(chosen.to_dict()) == chosen


def test_lists_from_toml_are_ends() -> None:
    assert EndToEndSettings.from_mapping({"hardness": [0.0, 0.5]}).hardness == (0.0, 0.5)
    assert EndToEndSettings.from_mapping(EndToEndSettings(minutes=3).to_dict()) == EndToEndSettings(minutes=3)


def test_passes_of_the_autoencoder_need_its_files() -> None:
    with pytest.raises(SettingsError, match=r"^autoencoder: expected the folder of its two files, for face-autoencoder"):
        EndToEndSettings(decoders={"face-autoencoder": 0, "swap-96": 60})
    assert EndToEndSettings(decoders={"swap-96": 60}).autoencoder == ""
    assert EndToEndSettings(decoders={"autoencoder": 0}, autoencoder="weights").decoders == {"autoencoder": 0}


def test_teachers_are_added_to_a_teacher() -> None:
    assert EndToEndSettings(teacher="default", more_teachers={"own.safetensors": 0.6}).more_teachers == {"own.safetensors": 0.6}
    with pytest.raises(SettingsError, match=r"^more_teachers: expected a teacher whose scores theirs are added to"):
        EndToEndSettings(more_teachers={"own.safetensors": 0.6})


def test_the_copies_of_a_teacher_are_weighed() -> None:
    assert EndToEndSettings(teacher="default", copy_weight=1.0).copy_weight == 1.0
    assert EndToEndSettings(teacher="default").copy_weight is None
    for wrong in (1.1, -0.5, math.nan, "x", True):
        with pytest.raises(SettingsError, match=r"^copy_weight: expected a number from 0 to 1, got"):
            EndToEndSettings(teacher="default", copy_weight=wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"^copy_weight: expected a teacher whose copies it weighs; name one with teacher"):
        EndToEndSettings(copy_weight=0.5)
    with pytest.raises(SettingsError, match=r"^copy_quality: expected with copy_weight, without which the teacher's own copies are made"):
        EndToEndSettings(teacher="default", copy_quality=40)
    assert EndToEndSettings(teacher="default", copy_weight=0.5, copy_quality=40).copy_quality == 40


@pytest.mark.parametrize("kind", [TrainSettings, EndToEndSettings])
def test_unknown_settings_are_named(kind: Any) -> None:
    with pytest.raises(SettingsError, match=r"^unknown setting colour; known are .*\bseed\b"):
        kind.from_mapping({"colour": "red"})
