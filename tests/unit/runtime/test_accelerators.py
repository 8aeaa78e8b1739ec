"""Whether a GPU has to be asked for: by the files of its driver."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from screener.runtime import accelerators


@pytest.mark.skipif(sys.platform != "linux", reason="drivers have files on Linux only")
@pytest.mark.parametrize("there", [False, True])
def test_a_drivers_file_is_enough(there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "nvidiactl"
    if there:
        driver.touch()
    monkeypatch.setattr(accelerators, "DEVICE_FILES", (str(driver),))
    assert accelerators.has_accelerator.__wrapped__() == there


def test_macs_with_their_own_processors_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for machine, expected in (("arm64", True), ("x86_64", False)):
        monkeypatch.setattr(accelerators.platform, "machine", lambda machine=machine: machine)
        assert accelerators.has_accelerator.__wrapped__() == expected
