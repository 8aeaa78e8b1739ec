"""Defaults are valid, and every invalid value is refused by the name of its setting."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from screener.errors import SettingsError
from screener.settings import DECODERS, DEVICES, DTYPES, ExtractSettings, ScanSettings

CERTIFICATE = (Path(__file__).parent / "signer.pem").read_text()

WRONG: dict[str, list[Any]] = {
    "frames": [0, -1, 1.5, "32", True, None],
    "fps": [0, -1.0, float("nan"), float("inf"), "25", True],
    "all_frames": ["no", 1, None],
    "until_sure": ["no", 1, None],
    "budget_seconds": [0, -1.0, float("nan"), float("inf"), "10", True, 1e10],
    "fpr": [0, 1, -0.1, float("nan"), "0.05", None, True, [0.05]],
    "threshold": [0, 1, 1.5, float("nan"), "0.5", True],
    "min_face_px": [7, 40.0, "40"],
    "min_frames": [0, 2.5, True],
    "min_sharpness": [-1, float("nan"), float("inf"), "10", True],
    "pooling": [3, ["mean"], {}],
    "device": ["gpu", "", None, 0, ["cpu"]],
    "dtype": ["float16", None, 32],
    "batch_size": [0, 1.0, "16"],
    "detect_every": [0, 1.0, "16"],
    "detector": [3, ["mtcnn"]],
    "engine": [None, 3, Path("model.onnx")],
    "decoder": ["gpu", "", None, 0, ["cpu"]],
    "stream_seconds": [0, -5, "30", float("inf")],
    "max_pixels": [0, 1e6],
    "time_limit_seconds": [0, -1, "60", float("nan"), 1e300],
    "thumbnails": [-1, 1.0, None],
    "max_duration_seconds": [0, -1, None, "60", float("nan")],
    "max_streams": [0, 1.5, None],
    "max_download_bytes": [0, 1e9, None],
    "decoder_memory_mb": [0, 1023, None, "4096"],
    "stall_seconds": [0, None, float("inf")],
    "allow_private": ["no", 1, None],
    "stress": ["no", 1, None],
    "provenance": ["no", 1, None],
    "trust_anchors": [3, Path("signers.pem"), ["text"], "", "signers.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"],
}

RIGHT: dict[str, list[Any]] = {
    "frames": [1, 10_000],
    "fps": [None, 1, 0.2],
    "all_frames": [True, False],
    "until_sure": [True, False],
    "budget_seconds": [None, 0.5, 60, 1e9],
    "fpr": [0.01, 0.999],
    "threshold": [None, 0.5],
    "min_face_px": [8, 300],
    "min_frames": [1, 100],
    "min_sharpness": [None, 0, 12.5],
    "pooling": [None, "mean"],
    "device": list(DEVICES),
    "dtype": list(DTYPES),
    "batch_size": [1, 512],
    "detect_every": [1, 512],
    "decoder": list(DECODERS),
    "detector": [None, "mtcnn"],
    "engine": ["auto", "torch", "model.onnx"],
    "stream_seconds": [0.5, 3600],
    "max_pixels": [1, 2**40],
    "time_limit_seconds": [None, 0.1, 60],
    "thumbnails": [0, 100],
    "max_duration_seconds": [1, 1e6],
    "max_streams": [1, 1000],
    "max_download_bytes": [1, 2**40],
    "decoder_memory_mb": [1024, 65536],
    "stall_seconds": [0.5, 600],
    "allow_private": [True, False],
    "stress": [True, False],
    "provenance": [True, False],
    "trust_anchors": [None, CERTIFICATE, 2 * CERTIFICATE, f"# M\u00fcller\n{CERTIFICATE}"],
}


def test_every_setting_is_tested_here() -> None:
    names = {field.name for field in dataclasses.fields(ScanSettings)}
    assert set(WRONG) == set(RIGHT) == names


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_values_are_refused_by_name(name: str, value: Any) -> None:
    for make in (lambda: ScanSettings(**{name: value}), lambda: ScanSettings.from_mapping({name: value})):
        with pytest.raises(SettingsError, match=rf"^{name}: expected .*, got "):
            make()


def test_certificates_are_published_by_their_hash() -> None:
    said = ScanSettings(trust_anchors=CERTIFICATE).to_dict()["trust_anchors"]
    assert said == "sha256 " + hashlib.sha256(CERTIFICATE.encode()).hexdigest()
    assert ScanSettings.from_mapping({"trust_anchors": said}).trust_anchors == said
    assert ScanSettings().to_dict()["trust_anchors"] is None


def test_a_key_given_for_a_certificate_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="BEGIN PRIVATE KEY") as caught:
        ScanSettings(trust_anchors="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----")
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_right_values_are_kept(name: str, value: Any) -> None:
    made = ScanSettings.from_mapping({name: value})
    assert getattr(made, name) == value
    assert made == dataclasses.replace(ScanSettings(), **{name: value})


@pytest.mark.parametrize("chooses", [{"until_sure": True}, {"budget_seconds": 5.0}])
@pytest.mark.parametrize("chosen", [{"fps": 1.0}, {"all_frames": True}])
def test_a_scan_that_chooses_its_frames_takes_no_choice_of_frames(chooses: dict[str, Any], chosen: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="choose the frames themselves; give neither fps nor all_frames with them"):
        ScanSettings(**chooses, **chosen)
    assert ScanSettings(**chooses).progressive and not ScanSettings(**chosen).progressive


def test_settings_come_back_from_what_they_say_of_themselves() -> None:
    chosen = ScanSettings(frames=8, fpr=0.01, device="cpu", min_sharpness=3.0)
    assert ScanSettings.from_mapping(chosen.to_dict()) == chosen
    assert chosen != ScanSettings()


def test_unknown_settings_are_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"^unknown setting colour, thresh; known are .*\bthreshold\b"):
        ScanSettings.from_mapping({"thresh": 0.5, "colour": "red", "frames": 3})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ScanSettings().frames = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"frames": 0}, "frames: expected a whole number of at least 1, got 0"),
        ({"folds": 2.0}, r"folds: expected a whole number of at least 1, got 2\.0"),
        ({"augment": -1}, "augment: expected a whole number of at least 0, got -1"),
        ({"min_face_px": 7}, "min_face_px: expected a whole number of at least 8, got 7"),
        ({"cropped": 1}, "cropped: expected true or false, got 1"),
        ({"validation_share": 0}, r"validation_share: expected a number from 0\.01 to 0\.9, got 0"),
        ({"test_share": 1.0}, "test_share: expected a share from 0 to below 1"),
        ({"test_share": 0.5, "validation_share": 0.5}, "validation_share and test_share: expected a sum below 1, got 1"),
        ({"device": "tpu"}, "device: expected one of auto, cpu, cuda, mps, got 'tpu'"),
        ({"dtype": "float16"}, "dtype: expected one of auto, float32, bfloat16, got 'float16'"),
        ({"fold": 3}, "unknown setting fold; known are"),
    ],
)
def test_wrong_settings_of_an_extraction(values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=f"^{says}"):
        ExtractSettings.from_mapping(values)


def test_settings_of_an_extraction_come_back_from_what_they_say_of_themselves() -> None:
    chosen = ExtractSettings(folds=5, augment=2, test_share=0.1, cropped=True)
    assert ExtractSettings.from_mapping(chosen.to_dict()) == chosen != ExtractSettings()
