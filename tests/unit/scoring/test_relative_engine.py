"""Scoring relative to a recompressed copy: the difference of two logits, whatever the engine, and the crop's own map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import TINY_PREPROCESSING, portrait

from screener.checkpoint import load_checkpoint
from screener.model.reference import NO_REFERENCE, Reference, recompressed
from screener.scanning.engines import build_scorer
from screener.scoring import LogitsAndMaps, Pictures, RelativeEngine, Scorer, TorchEngine, relative
from screener.scoring.engine import PROCESSOR
from screener.settings import ScanSettings

HALF, SMALL = Reference(20, 0.5), Reference(20, 0.5, side=32)
CROPS = np.stack([portrait(seed, 64) for seed in range(5)])


class Brightness:
    """The logit is the mean of all values, the map the first pixel's red."""

    name, device, dtype_name = "brightness", PROCESSOR, "float32"

    def logits(self, crops_rgb: np.ndarray) -> np.ndarray:
        return crops_rgb.mean((1, 2, 3))

    def logits_and_maps(self, crops_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.logits(crops_rgb), crops_rgb[:, :1, :1, 0].astype(np.float32)

    def bare_pass(self, crops_rgb: np.ndarray) -> Callable[[], object]:
        return lambda: len(crops_rgb)


class BrightnessLater(Brightness):
    keeps_in_flight = True

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        crops = np.asarray(pictures_rgb)
        return lambda: self.logits_and_maps(crops) if locate else (self.logits(crops), None)


@pytest.mark.parametrize("reference", [HALF, SMALL])
@pytest.mark.parametrize("engine", [Brightness(), BrightnessLater()])
def test_the_copys_logit_is_subtracted_and_the_map_is_the_crops(engine: Brightness, reference: Reference) -> None:
    made = RelativeEngine(engine, reference)
    expected = CROPS.mean((1, 2, 3)) - 0.5 * recompressed(CROPS, reference).mean((1, 2, 3))
    assert np.ptp(expected) > 1
    assert made.logits(CROPS) == pytest.approx(expected)
    logits, maps = made.logits_and_maps(CROPS)
    assert logits == pytest.approx(expected)
    assert (maps[:, 0, 0] == CROPS[:, 0, 0, 0]).all()
    assert made.begin(list(CROPS), locate=False)()[1] is None
    assert made.bare_pass(CROPS)() == [5, 5]
    assert made.keeps_in_flight is isinstance(engine, BrightnessLater)
    assert Scorer(made, TINY_PREPROCESSING, batch_size=2).logits(CROPS) == pytest.approx(expected)


def test_no_reference_changes_nothing() -> None:
    engine = Brightness()
    assert relative(engine, NO_REFERENCE) is engine
    assert isinstance(relative(engine, HALF), RelativeEngine)


@pytest.mark.parametrize("reference", [HALF, SMALL])
def test_a_checkpoint_that_asks_for_it_is_scored_so(tiny_checkpoint: Path, reference: Reference) -> None:
    tiny = load_checkpoint(tiny_checkpoint)
    asking = replace(tiny, contract=replace(tiny.contract, reference=reference))
    settings = ScanSettings(device="cpu", engine="torch", dtype="float32")
    plain, found = (build_scorer(checkpoint, settings).logits(CROPS) for checkpoint in (tiny, asking))
    copies = TorchEngine(tiny.build_network(), TINY_PREPROCESSING, "cpu", "float32").logits(recompressed(CROPS, reference))
    assert found == pytest.approx(plain - 0.5 * copies, abs=1e-5)
    opencv = build_scorer(asking, ScanSettings(device="cpu", engine="opencv")).logits_and_maps(CROPS)
    assert opencv[0] == pytest.approx(found, abs=1e-3)
    assert opencv[1].shape == (5, 4, 4)
