"""From a trained head to a contract with only measured claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY, TINY_PREPROCESSING, WIDE, tiny_contract, tiny_network

from screener.checkpoint import Calibration, Checkpoint, Contract, backbone_fingerprint, load_checkpoint, save_checkpoint
from screener.checkpoint.storage import STORAGES
from screener.errors import DatasetError
from screener.model.copies import Copies, Widening
from screener.model.network import Head
from screener.model.preprocessing import Preprocessing
from screener.training.fold_parts import Part, parts_of
from screener.training.folds import FoldRow
from screener.training.head_checkpoint import (
    as_stored,
    calibrated,
    contract_for,
    folds_name,
    plain_record,
    preprocessing_for,
    rows_sha256,
    write_head,
)
from screener.training.head_figures import Spread
from screener.training.head_state import starting_weights

from .feature_folds import feature_fold, rows, split


@pytest.fixture
def backbone(tiny_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(tiny_checkpoint)


def whole(its: tuple[FoldRow, ...]) -> Part:
    its_split = split("validation", its)
    return Part(its_split, np.arange(len(its)), its_split.labels)


def scores(labels: np.ndarray, gap: float = 2.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(gap * (labels - 0.5), 1.0)


def test_calibration_undoes_a_scale_and_a_shift() -> None:
    """Log-odds of two normal distributions, given doubled and moved by three, come back as they were."""
    labels = np.arange(4000) % 2
    true = scores(labels) * 2.0  # Log-odds of N(1, 1) against N(-1, 1) at x are 2x.
    contract = calibrated(tiny_contract(operating_points=()), whole(rows(4000)), 2 * true + 3)
    assert contract.calibration.temperature == pytest.approx(2, rel=0.1)
    assert contract.calibration.bias == pytest.approx(-1.5, abs=0.15)


@pytest.mark.parametrize(
    ("reals", "rates"), [(9, []), (10, [0.10]), (19, [0.10]), (20, [0.05, 0.10]), (99, [0.05, 0.10]), (100, [0.01, 0.05, 0.10])]
)
def test_thresholds_only_where_enough_reals_stand_behind_them(reals: int, rates: list[float]) -> None:
    its = rows(2 * reals)
    part = whole(its)
    contract = calibrated(tiny_contract(), part, scores(part.labels))
    assert [point.fpr for point in contract.operating_points] == rates
    assert {point.real_videos for point in contract.operating_points} <= {reals}


def test_frames_of_one_video_count_once() -> None:
    its = tuple(replace(row, name=f"clip-{number // 4}.mp4", label=number // 4 % 2) for number, row in enumerate(rows(80)))
    part = whole(its)
    contract = calibrated(tiny_contract(), part, scores(part.labels))
    assert [(point.fpr, point.real_videos, point.fake_videos) for point in contract.operating_points] == [(0.10, 10, 10)]


def test_frames_that_are_pictures_of_one_group_count_once_as_well() -> None:
    its = tuple(replace(row, group=f"video-{number // 4}", label=number // 4 % 2) for number, row in enumerate(rows(80)))
    part = whole(its)
    contract = calibrated(tiny_contract(), part, scores(part.labels))
    assert [(point.fpr, point.real_videos, point.fake_videos) for point in contract.operating_points] == [(0.10, 10, 10)]


@pytest.fixture(params=[*STORAGES, "unsaved"])
def any_backbone(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpoint:
    """A backbone that came in a storage, and one that never lay in a file."""
    network = tiny_network(3)
    if request.param == "unsaved":
        weights = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
        return Checkpoint(tiny_contract(backbone_fingerprint=backbone_fingerprint(weights)), weights, None, "")
    save_checkpoint(tmp_path / "backbone.safetensors", tiny_contract(), network.state_dict(), storage=request.param)
    return load_checkpoint(tmp_path / "backbone.safetensors")


def test_what_is_measured_is_what_is_read_back_and_the_backbone_stays(any_backbone: Checkpoint, tmp_path: Path) -> None:
    backbone = any_backbone
    head = starting_weights(backbone.state, TINY, "layer4", 3)
    head["layer4.0.conv1.weight"] = head["layer4.0.conv1.weight"] + 0.01 * torch.randn(head["layer4.0.conv1.weight"].shape)
    stored = as_stored(head)
    write_head(tmp_path / "head.safetensors", backbone, stored, tiny_contract())
    read = load_checkpoint(tmp_path / "head.safetensors")
    assert read.contract.backbone_fingerprint == backbone.contract.backbone_fingerprint == backbone_fingerprint(read.state)
    for name, tensor in stored.items():
        assert torch.equal(read.state[f"head.{name}"], tensor), name
    assert not torch.equal(stored["layer4.0.conv1.weight"], head["layer4.0.conv1.weight"])
    assert torch.equal(read.state["locator.weight"], backbone.state["locator.weight"])


def test_a_head_is_as_wide_as_the_features_that_it_was_trained_on(tmp_path: Path) -> None:
    """Over a backbone of fewer channels, which its file goes on holding once; the locator answers as before."""
    save_checkpoint(tmp_path / "b.safetensors", tiny_contract(architecture=WIDE, copies=FROM_TINY), tiny_network(3).state_dict())
    backbone = load_checkpoint(tmp_path / "b.safetensors")
    start = starting_weights(backbone.state, WIDE, "layer4", 3)
    trained = {name: t + 0.01 * torch.randn_like(t) if t.dim() == 4 else t for name, t in start.items()}
    contract = replace(backbone.contract, name="own")
    write_head(tmp_path / "own.safetensors", backbone, as_stored(trained), contract)
    read = load_checkpoint(tmp_path / "own.safetensors")
    assert read.contract.copies == Copies(FROM_TINY.backbone, Widening())
    assert read.contract.backbone_fingerprint == backbone.contract.backbone_fingerprint
    assert all(torch.equal(read.distinct[n], t) for n, t in backbone.distinct.items() if n.startswith("backbone."))
    head = Head(WIDE, 0.0).eval()
    head.load_state_dict(as_stored(trained))
    crops = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = backbone.build_backbone()(crops)
        assert features.shape == (2, 128, 4, 4)
        logits, where = read.build_network().forward_with_map(crops)
        torch.testing.assert_close(logits, head(features))
        torch.testing.assert_close(where, backbone.build_network().forward_with_map(crops)[1])


def test_the_contract_says_where_it_comes_from_and_promises_nothing_else(backbone: Checkpoint) -> None:
    fold = feature_fold(backbone.contract.backbone_fingerprint, sizes={"train": 24, "validation": 40})
    parts = parts_of(fold, 0.2, 0)
    contract = contract_for(backbone, "mine", fold, parts, scores(parts.validation.labels), {"settings": {"seed": 1}})
    assert contract.name == "mine"
    assert contract.figures == {"head_training": {"settings": {"seed": 1}}}
    assert contract.valid_range == {}
    assert contract.calibration != Calibration()
    (data,) = contract.training_data
    assert (data.name, data.pictures, data.sha256) == ("folds", 24, rows_sha256(fold))
    # What is said before the first calibration must not be wrong after it, for that leaves the limits as they are.
    assert "Until `screener calibrate` fits them to labelled videos, temperature, bias and thresholds come from 40" in contract.limits
    assert "40 validation rows (20 real)" in contract.limits
    assert "legacy tree" not in contract.limits
    assert [point.fpr for point in contract.operating_points] == [0.05, 0.10]


def test_a_folder_of_any_name_can_be_trained_on(backbone: Checkpoint) -> None:
    fold = replace(feature_fold(), folder=Path("faces 3\u202fPM"))
    parts = parts_of(fold, 0.2, 0)
    contract = contract_for(backbone, "mine", fold, parts, scores(parts.validation.labels), {})
    assert Contract.from_dict(contract.to_dict()).training_data[-1].name == "faces 3 PM"
    assert "feature folds (faces 3 PM, fold" in contract.limits


def test_a_legacy_tree_leaves_a_warning(backbone: Checkpoint) -> None:
    fold = replace(feature_fold(sizes={"train": 24, "validation": 12}), preprocessing=None)
    parts = parts_of(fold, 0.2, 0)
    contract = contract_for(backbone, "mine", fold, parts, scores(parts.validation.labels), {})
    assert "legacy tree that does not say which backbone made them" in contract.limits
    assert contract.preprocessing == backbone.contract.preprocessing
    assert contract.operating_points == ()


def test_figures_of_the_locator_stay_as_long_as_the_crops_do(tmp_path: Path) -> None:
    measured = {"value": 0.9, "low": 0.85, "high": 0.95}
    figure = {
        "pictures": 10, "level": 0.5, "pixel_auc": measured, "overlap": measured, "fixed_overlap": measured, "gain": measured,
        "pointing": measured, "marked_on_reals": 0.1, "parts": {},
    }  # fmt: skip
    save_checkpoint(tmp_path / "b.safetensors", tiny_contract(figures={"localisation": figure, "other": 1}), tiny_network().state_dict())
    backbone = load_checkpoint(tmp_path / "b.safetensors")
    fold = feature_fold(backbone.contract.backbone_fingerprint)
    parts = parts_of(fold, 0.2, 0)
    logits = scores(parts.validation.labels)
    assert contract_for(backbone, "mine", fold, parts, logits, {}).figures == {"head_training": {}, "localisation": figure}
    wider = replace(fold, preprocessing=replace(TINY_PREPROCESSING, crop_margin=1.5))
    contract = contract_for(backbone, "mine", wider, parts, logits, {})
    assert contract.figures == {"head_training": {}}
    assert contract.preprocessing.crop_margin == 1.5


def test_features_of_another_shape_are_refused(backbone: Checkpoint) -> None:
    fold = feature_fold()
    assert preprocessing_for(fold, backbone) == TINY_PREPROCESSING
    with pytest.raises(
        DatasetError, match=r"fold-1: its features have the shape \(64, 4, 4\), but tiny \(tiny\) makes \(64, 8, 8\) from 128 px"
    ):
        preprocessing_for(replace(fold, preprocessing=Preprocessing(input_size=128)), backbone)
    with pytest.raises(DatasetError, match=r"\(1024, 14, 14\), but tiny"):
        preprocessing_for(replace(fold, preprocessing=None, feature_shape=(1024, 14, 14)), backbone)


def test_the_data_is_known_by_its_rows() -> None:
    fold = feature_fold()
    assert rows_sha256(fold) == rows_sha256(replace(fold, folder=Path("elsewhere"), number=2))
    renamed = split("train", rows(24, "other-"))
    assert rows_sha256(fold) != rows_sha256(replace(fold, splits={**fold.splits, "train": renamed}))
    assert folds_name(fold) == "folds"
    assert folds_name(replace(fold, folder=Path("ciplab"))) == "ciplab"


def test_a_record_holds_plain_values_only() -> None:
    found = plain_record({"auc": Spread(1 / 3, 0.0, 0.0, 1.0), "rows": [{"n": 3, "share": 2 / 3}], "name": "x", "none": None})
    assert found == {
        "auc": {"mean": 0.333333, "deviation": 0.0, "lowest": 0.0, "highest": 1.0},
        "rows": [{"n": 3, "share": 0.666667}],
        "name": "x",
        "none": None,
    }
