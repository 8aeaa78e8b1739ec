"""Devices, codecs, card and display: what is there is proved, what is missing is said."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import torch

from screener.doctor import card, codecs, devices, display
from screener.doctor.codecs import CODECS, Codec
from screener.doctor.findings import Examination, Finding


def device_findings(device: str) -> dict[str, Finding]:
    examination = Examination()
    devices.examine(examination, None, device)
    return {finding.name: finding for finding in examination.findings}


def codec_finding() -> Finding:
    examination = Examination()
    codecs.examine(examination, None, "auto")
    (finding,) = examination.findings
    return finding


def display_finding() -> Finding:
    examination = Examination()
    display.examine(examination, None, "auto")
    (finding,) = examination.findings
    return finding


def test_the_cpu_is_described_and_proved() -> None:
    found = device_findings("cpu")
    assert found["cpu"].ok
    assert "cores" in found["cpu"].detail and "threads" in found["cpu"].detail and "bfloat16" in found["cpu"].detail
    assert found["device"].detail.startswith("`cpu` means cpu in ")


def test_missing_gpus_are_notes_and_auto_is_then_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    found = device_findings("auto")
    assert [(found[name].ok, found[name].optional) for name in ("cuda", "mps")] == [(True, True), (True, True)]
    assert found["device"].ok and "`auto` means cpu" in found["device"].detail


def test_a_device_asked_for_and_missing_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    finding = device_findings("cuda")["device"]
    assert not finding.ok
    assert "device cuda: not available" in finding.detail
    assert "--device cpu" in finding.advice


@pytest.mark.parametrize("error", [0.5, float("nan")])
def test_a_device_that_computes_wrong_is_a_failure(monkeypatch: pytest.MonkeyPatch, error: float) -> None:
    monkeypatch.setattr(devices, "product_error", lambda device, dtype: error)
    found = device_findings("cpu")
    assert not found["cpu"].ok and not found["device"].ok
    assert "--device cpu" in found["device"].advice


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_on_the_cpu_is_within_its_tolerance(dtype: torch.dtype) -> None:
    assert devices.product_error(torch.device("cpu"), dtype) <= devices.TOLERANCE[dtype]


def test_every_codec_is_named_once_and_h264_is_read_back() -> None:
    finding = codec_finding()
    assert finding.ok
    for name in CODECS:
        assert finding.detail.count(name) == 1
    assert finding.detail.startswith("h264")
    assert "read by OpenCV" in finding.detail


def test_a_codec_without_encoder_is_told_by_its_decoder_and_an_unknown_one_only_in_the_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "CODECS", {"h264": Codec(("no_such_encoder",)), "no_such_codec": Codec(("no_such_encoder",))})
    finding = codec_finding()
    assert finding.ok
    assert "h264 not tried (no encoder), but PyAV has a decoder" in finding.detail
    assert "no_such_codec cannot be read" in finding.detail


def test_h264_that_cannot_be_read_is_a_failure_and_the_other_codecs_are_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "CODECS", {"h264": Codec(("libx264",), {"preset": "no such preset"}), "mjpeg": CODECS["mjpeg"]})
    finding = codec_finding()
    assert not finding.ok
    assert "h264 cannot be read" in finding.detail and "mjpeg read by" in finding.detail
    assert "pip install" in finding.advice


def test_a_codec_whose_pictures_come_back_wrong_is_not_called_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "CODECS", {"h264": CODECS["h264"]})
    monkeypatch.setattr(codecs, "TOLERANCE_LEVELS", -1.0)
    assert "brightness is off" in codec_finding().detail


def test_the_encoders_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    codec_finding()
    assert capfd.readouterr() == ("", "")


def test_no_screen_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display.sys, "platform", "linux")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    finding = display_finding()
    assert finding.ok and finding.optional
    assert "no screen" in finding.detail
    monkeypatch.setenv("DISPLAY", ":0")
    assert display_finding() == Finding("display", True, "OpenCV opens windows with QT5", optional=True)


@pytest.mark.parametrize("build", ["  GUI:                           NONE\n", "nothing about windows"])
def test_an_opencv_without_windows_is_a_note_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch, build: str) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: build)
    finding = display_finding()
    assert finding.ok and finding.optional
    assert "cannot open windows" in finding.detail
    assert "opencv-python-headless" in finding.advice


def card_findings(monkeypatch: pytest.MonkeyPatch, readings: dict[str, tuple[list[np.ndarray], str]]) -> list[Finding]:
    """What is said of a card that gives these pictures."""
    monkeypatch.setattr(card, "start_decoder", lambda settings: None)
    monkeypatch.setattr(card, "_read", lambda path, decoder: readings[decoder])
    examination = Examination()
    card.examine(examination, None, "auto")
    return examination.findings


def test_a_missing_card_is_a_note_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    examination = Examination()
    card.examine(examination, None, "auto")
    (finding,) = examination.findings
    assert finding.ok and finding.optional and finding.advice
    assert finding.detail.startswith("no NVIDIA card here decodes video (") and "doctor" not in finding.detail


BLACK, GREY = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("pictures", "reader", "said"),
    [([BLACK], "opencv", "gave up"), ([], "nvdec", "0 of 1 frames"), ([GREY], "nvdec", "differ .* by up to 1 grey levels")],
)
def test_a_card_that_decodes_otherwise_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, pictures: list[np.ndarray], reader: str, said: str
) -> None:
    opened, compared = card_findings(monkeypatch, {"cpu": ([BLACK], "opencv"), "cuda": (pictures, reader)})
    assert opened.ok and not compared.ok
    assert re.search(said, compared.detail) and "--decoder cuda" in compared.advice


def test_a_card_that_decodes_alike_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, compared = card_findings(monkeypatch, {"cpu": ([BLACK], "opencv"), "cuda": ([BLACK], "nvdec")})
    assert opened.ok and compared.ok and "the same" in compared.detail
