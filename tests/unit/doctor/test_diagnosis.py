"""The whole diagnosis: order, isolation of checks, and cleanup."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from screener.doctor import diagnose, diagnosis, render
from screener.doctor.findings import Examination

NAMES = [
    "versions", "one OpenCV", "cpu", "cuda", "mps", "device", "codecs", "card decoder", "display",
    "weights", "test clips", "decoding", "faces", "face crops", "normalisation",
    "scores", "polarity", "repeatability", "batch size", "engines", "temporary files",
]  # fmt: skip


def test_every_check_in_order_and_nothing_left_behind(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    findings = diagnose(tiny_checkpoint, "cpu")
    assert [finding.name for finding in findings if finding.name != "card pictures"] == NAMES  # which only a machine with a card has
    # The weights are random, so nothing can be said of their polarity; everything else must hold.
    wrong = [finding for finding in findings if not finding.ok and finding.name not in ("polarity", "versions", "one OpenCV")]
    assert wrong == []
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert all(name in render(findings) for name in NAMES)


def test_a_wrong_device_fails_its_own_checks_and_those_that_need_it(tiny_checkpoint: Path) -> None:
    findings = {finding.name: finding for finding in diagnose(tiny_checkpoint, "typewriter")}
    assert [name for name in findings if name != "card pictures"] == NAMES
    assert not findings["device"].ok and not findings["faces"].ok
    assert findings["decoding"].ok and findings["codecs"].ok


def test_a_section_that_cannot_even_be_imported_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"libGL.so.1: cannot open shared object file (importing {name})")

    monkeypatch.setattr(diagnosis, "import_module", broken)
    findings = diagnose(None, "auto")
    assert [finding.name for finding in findings] == ["installation", "devices", "codecs", "card", "display", "self test"]
    assert not any(finding.ok for finding in findings)
    assert "libGL.so.1" in findings[1].detail and "install screener again" in findings[1].advice


def test_no_temporary_folder_is_a_finding_after_the_weights(monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, tmp_path: Path) -> None:
    from screener.doctor import self_test

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    examination = Examination()
    with examination.guarded("self test", ""):
        self_test.examine(examination, tiny_checkpoint, "cpu")
    assert [(finding.name, finding.ok) for finding in examination.findings] == [("weights", True), ("self test", False)]


def test_the_doctor_can_be_imported_where_no_library_can() -> None:
    """The command must come up on the machine that most needs it."""
    program = """
import sys
for name in ("torch", "torchvision", "cv2", "numpy", "av", "facenet_pytorch", "safetensors"):
    sys.modules[name] = None
from screener.doctor import diagnose, render
findings = diagnose(None, "auto")
print(render(findings))
sys.exit(any(finding.ok for finding in findings))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "import of cv2 halted" in done.stdout and "import of numpy halted" in done.stdout
