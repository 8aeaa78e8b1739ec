"""The contract: its round trip through JSON, and each invalid field refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import TINY

from screener.checkpoint import Calibration, Contract, DataSet, OperatingPoint
from screener.checkpoint.json_fields import printable
from screener.errors import CheckpointError
from screener.model.reference import Reference

from .conftest import make_contract

MISSING = object()


def test_survives_json(contract: Contract) -> None:
    assert Contract.from_dict(json.loads(json.dumps(contract.to_dict(), allow_nan=False))) == contract


def test_tuples_of_free_form_fields_become_lists(contract: Contract) -> None:
    values = contract.to_dict() | {"figures": {"interval": (0.1, 0.2)}}
    assert Contract.from_dict(values).to_dict()["figures"] == {"interval": [0.1, 0.2]}


@pytest.mark.parametrize("field", list(Contract.__dataclass_fields__))
def test_each_field_is_required(contract: Contract, field: str) -> None:
    values = contract.to_dict()
    del values[field]
    with pytest.raises(CheckpointError, match=f"{field}: missing"):
        Contract.from_dict(values)


@pytest.mark.parametrize("field", list(Contract.__dataclass_fields__))
@pytest.mark.parametrize("wrong", [None, 3.5, True])
def test_each_field_has_its_type(contract: Contract, field: str, wrong: object) -> None:
    with pytest.raises(CheckpointError, match=f"{field}: expected"):
        Contract.from_dict(contract.to_dict() | {field: wrong})


# Path into the JSON, the value put there (MISSING takes it away), and what the message must say.
WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("surprise",), 1, r"'surprise': unknown field; known are name, format_version"),
    (("name",), "  ", r"name: expected some text"),
    (("name",), "red \x1b[31m", r"name: expected printable text, got 'red \\x1b\[31m'"),
    (("format_version",), 5, r"format_version: expected 1, 2, 3 or 4.*another version of screener.*got 5"),
    (("class_names",), ["fake", "real"], r"class_names: expected \('real', 'fake'\), .*got \('fake', 'real'\)"),
    (("class_names",), ["real"], r"class_names: expected a list of 2, got \['real'\]"),
    (("class_names",), "real", r"class_names: expected a list, got 'real'"),
    (("figures", "video_auc", 3), 1, r"figures\.video_auc: name: expected printable text, got 3"),
    (("split_point",), "layer2", r"split_point: expected 'layer3', got 'layer2'"),
    (("architecture", "blocks"), [1, 1, 1], r"architecture\.blocks: expected a list of 4"),
    (("architecture", "blocks", 2), 0, r"architecture\.blocks: expected four counts of at least 1"),
    (("architecture", "blocks", 2), 10**9, r"architecture\.blocks: expected at most 64"),
    (("architecture", "inner_width"), "128", r"architecture\.inner_width: expected a whole number, got '128'"),
    (("architecture", "inner_width"), 10**6, r"architecture\.inner_width: expected 1 to 512"),
    (("copies", "head"), MISSING, r"copies\.head: missing"),
    (("copies", "backbone", "outer"), 2.0, r"copies\.backbone\.outer: expected a whole number"),
    (("copies", "backbone", "stem"), 3, r"copies: stem: 4 channels cannot be 3 times fewer"),
    (("preprocessing", "input_size"), 225, r"preprocessing\.input_size: expected a multiple of 16"),
    (("preprocessing", "rule_version"), 2, r"preprocessing\.rule_version: this screener crops by version 1"),
    (("preprocessing", "colour_order"), "bgr", r"preprocessing\.colour_order.*got 'bgr'"),
    (("preprocessing", "std_rgb", 1), 0.0, r"preprocessing\.std_rgb: expected three values above 0"),
    (("preprocessing", "mean_rgb", 1), float("nan"), r"preprocessing\.mean_rgb\[1\]: expected a finite number, got nan"),
    (("reference", "quality"), 101, r"reference\.quality: expected a JPEG quality from 1 to 100, or 0 for no copy, got 101"),
    (("reference", "weight"), 0.5, r"reference\.weight: expected above 0 and up to 1 with a copy, and 0 without, got 0.5"),
    (("reference", "side"), 112, r"reference\.side: expected a multiple of 16 from 32 to 1024 with a copy, or 0, got 112"),
    (("reference", "side"), MISSING, r"reference\.side: missing"),
    (("reference",), MISSING, r"reference: missing"),
    (("preprocessing", "crop_margin"), MISSING, r"preprocessing\.crop_margin: missing"),
    (("detector", "name"), MISSING, r"detector\.name: expected the name of a face detector, got None"),
    (("detector", "stage_thresholds", 0), float("inf"), r"detector\.stage_thresholds\[0\]: expected a finite number"),
    (("calibration", "temperature"), True, r"calibration\.temperature: expected a number, got True"),
    (("operating_points", 0, "threshold"), False, r"operating_points\[0\]\.threshold: expected a number, got False"),
    (("operating_points", 0, "real_videos"), True, r"operating_points\[0\]\.real_videos: expected a whole number, got True"),
    (("calibration", "temperature"), 0.0, r"calibration\.temperature: expected a number from 0\.001"),
    (("calibration", "temperature"), -1, r"calibration\.temperature"),
    (("calibration", "bias"), float("nan"), r"calibration\.bias: expected a finite number"),
    (("calibration", "bias"), 10**400, r"calibration\.bias: expected a finite number"),
    (("operating_points", 1, "threshold"), 1.2, r"operating_points\[1\]\.threshold: expected a probability, got 1\.2"),
    (("operating_points", 0, "genuine_below"), 0.95, r"operating_points\[0\]\.genuine_below: .*at most the threshold 0\.9"),
    (("operating_points", 0, "fpr"), 0.05, r"operating_points: expected each false-positive rate once"),
    (("operating_points", 0, "fpr"), 0, r"operating_points\[0\]\.fpr"),
    (("operating_points", 0, "real_videos"), 0, r"operating_points\[0\]\.real_videos: expected at least 1"),
    (("operating_points", 0, "fake_videos"), 1.0, r"operating_points\[0\]\.fake_videos: expected a whole number"),
    (("valid_range", "face_px"), [600, 40], r"valid_range\.face_px: expected lowest and highest value"),
    (("valid_range", "face_px"), [40], r"valid_range\.face_px: expected a list of 2"),
    (("valid_range", "mood"), [0, 1], r"valid_range: expected ranges of face_px and sharpness, got 'mood'"),
    (("backbone_fingerprint",), "abc", r"backbone_fingerprint: expected a SHA-256"),
    (("training_data", 0, "sha256"), "AB" * 32, r"training_data\[0\]\.sha256: expected a SHA-256"),
    (("training_data", 0, "pictures"), -1, r"training_data\[0\]\.pictures"),
    (("training_data", 0, "url"), "x", r"training_data\[0\]\.'url': unknown field"),
    (("figures", "video_auc", "value"), float("nan"), r"figures\.video_auc\.value: expected a finite number"),
    (("figures", "video_auc"), {1, 2}, r"figures\.video_auc: expected a number"),
    (("limits",), "\ud800", r"limits: expected printable text"),
]


@pytest.mark.parametrize(("path", "wrong", "message"), WRONG, ids=[f"{'.'.join(map(str, p))}-{i}" for i, (p, _, _) in enumerate(WRONG)])
def test_wrong_values_are_refused_by_name(contract: Contract, path: tuple[str | int, ...], wrong: Any, message: str) -> None:
    values = contract.to_dict()
    place: Any = values
    for step in path[:-1]:
        place = place[step]
    if wrong is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = wrong
    with pytest.raises(CheckpointError, match=message):
        Contract.from_dict(values)


def test_a_later_version_is_named_before_its_unknown_fields(contract: Contract) -> None:
    with pytest.raises(CheckpointError, match="format_version"):
        Contract.from_dict(contract.to_dict() | {"format_version": 5, "new_field": 1})


def test_endless_nesting_is_refused(contract: Contract) -> None:
    """Sixteen levels are the last that are read, of lists and objects alike."""

    def nested(levels: int) -> Any:
        value: Any = 0
        for level in range(levels):
            value = [value] if level % 2 else {"a": value}
        return value

    deepest = Contract.from_dict(contract.to_dict() | {"figures": {"deep": nested(15)}})
    assert deepest.figures == {"deep": nested(15)}
    for levels in (16, 500):
        with pytest.raises(CheckpointError, match=r"figures\.deep[\[\].a0]+: expected at most 16 levels, got (0|\[|\{)"):
            Contract.from_dict(contract.to_dict() | {"figures": {"deep": nested(levels)}})


def test_texts_may_have_lines_and_tabs(contract: Contract) -> None:
    read = Contract.from_dict(contract.to_dict() | {"limits": "one\n\ttwo", "figures": {"said": "a\nb\tc", "is": True, "none": None}})
    assert (read.limits, read.figures) == ("one\n\ttwo", {"said": "a\nb\tc", "is": True, "none": None})
    with pytest.raises(CheckpointError, match=r"^figures\.said: expected printable text, got 'a\\x1bb'$"):
        Contract.from_dict(contract.to_dict() | {"figures": {"said": "a\x1bb"}})
    with pytest.raises(CheckpointError, match=r"^figures: name: expected printable text, got 'a\\x1bb'$"):
        Contract.from_dict(contract.to_dict() | {"figures": {"a\x1bb": 1}})


POINT = {"fpr": 0.05, "threshold": 0.7, "genuine_below": 0.2, "real_videos": 120, "fake_videos": 130}
DATA = {"name": "made-up faces", "sha256": "ab" * 32, "pictures": 1000, "licence": "CC0-1.0"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Calibration(temperature=0.0009), "temperature: expected a number from 0.001 to 1000, got 0.0009"),
        (lambda: Calibration(temperature=1000.5), "temperature: expected a number from 0.001 to 1000, got 1000.5"),
        (lambda: Calibration(bias=-1000.5), "bias: expected a number from -1000 to 1000, got -1000.5"),
        (lambda: Calibration(bias=1000.5), "bias: expected a number from -1000 to 1000, got 1000.5"),
        (lambda: OperatingPoint(**{**POINT, "fpr": 0.0}), "fpr: expected a rate between 0 and 1, got 0.0"),
        (lambda: OperatingPoint(**{**POINT, "fpr": 1.0}), "fpr: expected a rate between 0 and 1, got 1.0"),
        (lambda: OperatingPoint(**{**POINT, "threshold": -0.1}), "threshold: expected a probability, got -0.1"),
        (lambda: OperatingPoint(**{**POINT, "threshold": 1.1}), "threshold: expected a probability, got 1.1"),
        (
            lambda: OperatingPoint(**{**POINT, "genuine_below": 0.8}),
            "genuine_below: expected a probability of at most the threshold 0.7, got 0.8",
        ),
        (
            lambda: OperatingPoint(**{**POINT, "real_videos": 0}),
            "real_videos: expected at least 1, for a false-positive rate is measured on real videos, got 0",
        ),
        (lambda: OperatingPoint(**{**POINT, "fake_videos": -1}), "fake_videos: expected a count, got -1"),
        (lambda: DataSet(**{**DATA, "name": " "}), "name: expected some text, got ' '"),
        (lambda: DataSet(**{**DATA, "licence": ""}), "licence: expected some text, got ''"),
        (lambda: DataSet(**{**DATA, "sha256": "AB"}), "sha256: expected a SHA-256 in 64 lower-case hexadecimal digits, got 'AB'"),
        (lambda: DataSet(**{**DATA, "pictures": -1}), "pictures: expected a count, got -1"),
        (lambda: make_contract(format_version=1), "format_version: expected 4, the one that this screener writes, got 1"),
        (
            lambda: make_contract(reference=Reference(20, 0.5, side=1024)),
            "reference.side: expected at most that of the crops, 32, got 1024",
        ),
        (lambda: make_contract(detector={"name": 7}), "detector.name: expected the name of a face detector, got 7"),
        (
            lambda: make_contract(operating_points=(OperatingPoint(**POINT),) * 2),
            "operating_points: expected each false-positive rate once, got [0.05, 0.05]",
        ),
        (
            lambda: make_contract(valid_range={"face_px": (40.0, 40.0)}),
            "valid_range.face_px: expected lowest and highest value, in this order, got (40.0, 40.0)",
        ),
        (
            lambda: make_contract(architecture=replace(TINY, blocks=(1, 1, 1, 65))),
            "architecture.blocks: expected at most 64 in each layer, got (1, 1, 1, 65)",
        ),
    ],
)
def test_what_is_out_of_range_is_quoted_at_construction(build: Callable[[], object], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        build()


def test_the_ends_of_each_range_belong_to_it() -> None:
    for value in (-1000.0, 1000.0):
        assert Calibration(1000.0, value).bias == value
    assert Calibration(0.001).temperature == 0.001
    everything = OperatingPoint(0.05, 0.0, 0.0, 1, 0)
    assert (everything.genuine_below, OperatingPoint(0.05, 1.0, 1.0, 1, 0).threshold) == (0.0, 1.0)
    assert make_contract(valid_range={"face_px": (0.0, 0.5)}).valid_range == {"face_px": (0.0, 0.5)}
    assert make_contract(architecture=replace(TINY, blocks=(1, 1, 1, 64))).architecture.blocks[3] == 64


def test_operating_point_by_rate(contract: Contract) -> None:
    assert contract.operating_point(0.05).threshold == 0.7
    assert contract.operating_point(0.05 + 1e-12).threshold == 0.7
    with pytest.raises(CheckpointError, match=r"measured at 0\.01, 0\.05, not at 0\.02"):
        contract.operating_point(0.02)


def test_operating_point_without_any(contract: Contract) -> None:
    bare = Contract.from_dict(contract.to_dict() | {"operating_points": []})
    with pytest.raises(CheckpointError, match="use a calibrated checkpoint"):
        bare.operating_point(0.05)


@pytest.mark.parametrize(("name", "text"), [("own", "own"), ("a\u00a0b\u3000c", "a b c"), ("\u200d", "unnamed"), ("caf\udce9", "caf")])
def test_any_files_name_can_be_said_in_a_contract(name: str, text: str) -> None:
    assert printable(name) == text
    assert printable(name).isprintable()
