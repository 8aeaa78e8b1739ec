"""Devices: available ones are tested, missing ones reported."""

from __future__ import annotations

import pytest
import torch

from screener.doctor import devices
from screener.doctor.findings import Examination, Finding


def device_findings(device: str) -> dict[str, Finding]:
    examination = Examination()
    devices.examine(examination, None, device)
    return {finding.name: finding for finding in examination.findings}


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
