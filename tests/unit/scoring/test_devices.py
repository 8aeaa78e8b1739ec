"""Device settings; the choice of the device is tested in `test_scorer`."""

from __future__ import annotations

import pytest
import torch

from screener import ScanSettings, Screener


def test_a_screener_rounds_no_float32_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    Screener(ScanSettings(engine="torch"))
    assert not torch.backends.cudnn.allow_tf32
