"""Windows: a note where there are none."""

from __future__ import annotations

import cv2
import pytest

from screener.doctor import display
from screener.doctor.findings import Examination, Finding


def display_finding() -> Finding:
    examination = Examination()
    display.examine(examination, None, "auto")
    (finding,) = examination.findings
    return finding


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
