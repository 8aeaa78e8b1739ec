"""What is chosen and set for the devices there are."""

from __future__ import annotations

import pytest
import torch

from screener import ScanSettings, Screener
from screener.errors import DeviceError
from screener.scoring import choose_device, choose_dtype


def test_a_device_that_is_missing_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="device cuda: not available.*available: .*cpu"):
        choose_device("cuda")


def test_a_dtype_that_is_asked_for_is_taken() -> None:
    assert choose_dtype("float32", torch.device("cpu")) is torch.float32
    assert choose_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16


def test_a_screener_rounds_no_float32_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Screener(ScanSettings())
    assert not torch.backends.cudnn.allow_tf32
