"""Codecs: each is written and read back, and unavailable ones are reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from screener.doctor import codecs
from screener.doctor.codecs import CODECS, Codec
from screener.doctor.findings import Examination, Finding


def codec_finding() -> Finding:
    examination = Examination()
    codecs.examine(examination, None, "auto")
    (finding,) = examination.findings
    return finding


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


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system does not say how a process is scheduled")
def test_trying_the_codecs_leaves_the_process_as_it_was() -> None:
    check = """
import os
from screener.doctor.codecs import _codecs
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
_codecs()
print(os.sched_getscheduler(0) == os.SCHED_OTHER)
"""
    done = subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
