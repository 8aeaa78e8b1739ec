"""A teacher says what a scan with its weights would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import FROM_TINY, WIDE, tiny_contract, tiny_network

from screener.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from screener.model.reference import Reference
from screener.scoring import Scorer, TorchEngine
from screener.scoring.relative_engine import relative
from screener.training import teacher
from screener.training.teacher import Teacher, Teachers

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, as what it is compared with."""
    monkeypatch.setattr(teacher, "choose_dtype", lambda name, device: torch.float32)


@pytest.fixture(params=["its own channels", "copied channels"])
def plain(request: pytest.FixtureRequest, tiny_checkpoint: Path, tmp_path: Path) -> Checkpoint:
    if request.param == "its own channels":
        return load_checkpoint(tiny_checkpoint)
    path = tmp_path / "copied.safetensors"
    save_checkpoint(path, tiny_contract(architecture=WIDE, copies=FROM_TINY), tiny_network().state_dict())
    return load_checkpoint(path)


def compared(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, contract=replace(checkpoint.contract, reference=Reference(20, 0.5)))


def pictures(side: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8))


@pytest.mark.parametrize("given", [None, Reference(40, 1.0)])
def test_it_says_what_a_scan_would_with_its_copies(plain: Checkpoint, given: Reference | None) -> None:
    rules = plain.contract.preprocessing
    shown = pictures(rules.input_size)
    scorer = Scorer(relative(TorchEngine(plain.build_network(), rules, "cpu", "float32"), given or Reference(20, 0.5)), rules)
    logits, maps = Teacher(compared(plain), given, CPU)(shown)
    expected, expected_maps = scorer.logits_and_maps(shown.numpy())
    assert logits.numpy() == pytest.approx(expected, abs=1e-3)
    assert maps.sigmoid().numpy() == pytest.approx(expected_maps, abs=1e-3)


def test_what_it_is_used_to_is_cut_out_of_larger_pictures(plain: Checkpoint) -> None:
    rules = plain.contract.preprocessing
    wider = replace(rules, crop_margin=2 * rules.crop_margin)
    shown = pictures(2 * rules.input_size)
    middle = shown[:, rules.input_size // 2 : -(rules.input_size // 2), rules.input_size // 2 : -(rules.input_size // 2)]
    logits, maps = Teacher(plain, None, CPU, wider)(shown)
    expected, expected_maps = Teacher(plain, None, CPU)(middle)
    assert logits.tolist() == expected.tolist()
    assert maps.tolist() == expected_maps.tolist()
    # Of another size, too: brought to that which it is used to.
    assert Teacher(plain, None, CPU, wider)(pictures(3 * rules.input_size))[1].shape == maps.shape


def test_logits_of_several_are_added_and_the_maps_are_those_of_the_first(plain: Checkpoint) -> None:
    shown = pictures(plain.contract.preprocessing.input_size)
    first, other = Teacher(plain, None, CPU), Teacher(compared(plain), None, CPU)
    (logits, maps), (more, _) = first(shown), other(shown)
    together, together_maps = Teachers(first, [(other, 0.5), (other, 0.25)])(shown)
    assert together.numpy() == pytest.approx((logits + 0.75 * more).numpy(), abs=1e-5)
    assert together_maps.tolist() == maps.tolist()


def test_without_copies_it_says_the_logit_alone(plain: Checkpoint) -> None:
    rules = plain.contract.preprocessing
    shown = pictures(rules.input_size)
    expected = Scorer(TorchEngine(plain.build_network(), rules, "cpu", "float32"), rules).logits(shown.numpy())
    assert Teacher(plain, None, CPU)(shown)[0].numpy() == pytest.approx(expected, abs=1e-3)
