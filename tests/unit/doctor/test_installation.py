"""Versions against requirements, and several OpenCVs at once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import pytest

from screener.doctor import installation
from screener.doctor.findings import Examination, Finding
from screener.runtime.versions import DISTRIBUTION, versions


@pytest.fixture(autouse=True)
def _true_versions() -> None:
    """Versions are read once for the whole process: let it not be while a test pretends others."""
    versions()


class InstalledPackage:
    """What is asked of `importlib.metadata.Distribution`."""

    version = "0.1.0"

    def __init__(self, name: str, requires: Sequence[str] | None = None, requires_python: str | None = None) -> None:
        self.name, self.requires = name, requires
        self.metadata = {"Requires-Python": requires_python}


def findings() -> dict[str, Finding]:
    examination = Examination()
    installation.examine(examination, None, "auto")
    return {finding.name: finding for finding in examination.findings}


def screener_requires(monkeypatch: pytest.MonkeyPatch, *requires: str, python: str = ">=3.11") -> None:
    installed = metadata.distribution

    def distribution(name: str) -> Any:
        return InstalledPackage(name, requires, python) if name == DISTRIBUTION else installed(name)

    monkeypatch.setattr(installation.metadata, "distribution", distribution)


def opencv_installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(installation.metadata, "distributions", lambda: [InstalledPackage(name) for name in (*names, "numpy")])


def test_versions_name_every_library_that_results_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    screener_requires(monkeypatch, "torch>=2.0", "numpy>=2.0", "no-such-package>=1; extra == 'dev'")
    finding = findings()["versions"]
    assert finding.ok
    for name in ("python", "screener", "torch", "torchvision", "opencv-python", "numpy", "av", "FFmpeg in OpenCV"):
        assert f"{name} " in finding.detail


def test_too_old_and_missing_libraries_are_named_with_the_command_that_mends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    screener_requires(monkeypatch, "numpy>=999.1", "facenet-pytorch==1.0", "no-such-package>=1", "torch>=2.0")
    finding = findings()["versions"]
    assert not finding.ok
    assert f"numpy>=999.1 is needed, {metadata.version('numpy')} is installed" in finding.detail
    assert "no-such-package>=1 is needed, not installed" in finding.detail
    assert finding.advice == 'pip install "numpy>=999.1" "facenet-pytorch==1.0" "no-such-package>=1"'


def test_a_python_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    screener_requires(monkeypatch, python=">=4.0")
    finding = findings()["versions"]
    assert not finding.ok
    assert finding.advice == "use another Python: python>=4.0"


def test_run_from_a_checkout_there_is_nothing_to_hold_versions_against(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.distribution

    def distribution(name: str) -> Any:
        if name == DISTRIBUTION:
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(installation.metadata, "distribution", distribution)
    finding = findings()["versions"]
    assert finding.ok
    assert "not held against minimum versions" in finding.detail


@pytest.mark.parametrize(
    ("installed", "requirement", "fits"),
    [
        ("2.15.0+cpu", "x>=2.11", True),
        ("2.9.1", "x>=2.11", False),
        ("2.0", "x==2.0.0", True),
        ("2.5.4", "x==2.5.3", False),
        ("14.0", "x >=14, <15", True),
        ("15.0", "x (>=14,<15)", False),
        ("3.0rc1", "x[all]>=2; python_version > '3'", True),
        ("1.0", "x", True),
        ("1.0", "x!=1.0", False),
    ],
)
def test_versions_are_compared_number_by_number(monkeypatch: pytest.MonkeyPatch, installed: str, requirement: str, fits: bool) -> None:
    monkeypatch.setattr(installation.metadata, "version", lambda name: installed)
    assert (list(installation.unfit_versions([requirement])) == []) is fits


def test_another_build_of_opencv_counts_as_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation.metadata, "version", absent)
    assert list(installation.unfit_versions([f"opencv-python=={cv2.__version__}", "av>=1"])) == [("av>=1", "not installed")]


def test_two_opencvs_are_a_failure_with_the_commands_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opencv_installed(monkeypatch, "opencv-python", "opencv_python_headless")
    finding = findings()["one OpenCV"]
    assert not finding.ok
    assert "opencv-python and opencv-python-headless" in finding.detail
    assert finding.advice == (
        "pip uninstall -y opencv-python opencv-python-headless, then pip install --force-reinstall --no-deps opencv-python"
    )


@pytest.mark.parametrize(("names", "said"), [(("opencv-contrib-python",), "opencv-contrib-python, OpenCV"), ((), "not from pip, OpenCV")])
def test_one_opencv_of_any_kind_is_well(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], said: str) -> None:
    opencv_installed(monkeypatch, *names)
    finding = findings()["one OpenCV"]
    assert finding.ok
    assert finding.detail.startswith(said)


def test_the_ffmpeg_inside_opencv_is_read_off_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  FFMPEG:  YES\n    avcodec:    YES (62.28.101)\n")
    assert installation.ffmpeg_of_opencv() == "(avcodec) 62.28.101"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  FFMPEG:  NO\n")
    assert installation.ffmpeg_of_opencv() == "none"


def test_the_portrait_has_a_note_of_where_it_is_from() -> None:
    folder = Path(installation.__file__).parent
    assert (folder / "portrait.jpg").stat().st_size < 25_000
    assert "public domain" in (folder / "portrait.md").read_text()
