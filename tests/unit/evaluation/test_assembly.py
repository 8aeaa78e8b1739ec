"""The whole evaluation: counts, hashes, unscored items, and JSON that does not depend on interruptions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from screener.errors import CheckpointError, DatasetError
from screener.evaluation.assembly import evaluation_of
from screener.evaluation.results import origin_of

from .made import SWAP, evaluation, item, row, several


def test_counts_and_slices() -> None:
    items, rows = several(12)
    found = evaluation(items, rows)
    assert (found.data.items, found.data.reals, found.data.fakes, found.data.groups, found.data.sets) == (48, 12, 36, 24, ("made",))
    assert (found.headline.fakes, found.headline.reals) == (24, 12)
    assert [part.name for part in found.slices["family"]] == ["lip-sync", "swap", "whole face"]
    assert "source" not in found.slices
    auc = {part.name: part.figures["video_auc"].value for part in found.slices["method"]}
    assert auc[SWAP] > auc["Wav2Lip"] > 0.5 > auc["VASA-1"]
    assert found.held_out.note == "takes at least 10 real and 10 fake scored videos in each half of the groups"


def test_items_keep_their_order_and_facts() -> None:
    items = [item("b.mp4", 1, group="g"), item("a.mp4")]
    rows = [row(items[0].path, [0.0, 2.0], outcome="fake"), row(items[1].path, [], coverage="none", reasons=["not_found"], sha256=None)]
    found = evaluation(items, rows).items
    assert [one.name for one in found] == ["b.mp4", "a.mp4"]
    assert found[0].p_fake == pytest.approx((0.5 + 0.880797) / 2)
    assert (found[0].family, found[0].label, found[0].frames_judged, found[0].face_px, found[0].sharpness) == ("swap", "fake", 2, 50.0, 7.0)
    assert (found[1].family, found[1].p_fake, found[1].coverage, found[1].face_px) == ("", None, "none", None)


def test_what_was_not_scored_stands_under_its_reasons() -> None:
    items = [item(f"{i}.mp4") for i in range(4)]
    reasons = [["no_face"], ["too_small", "no_face"], [], []]
    rows = [row(one.path, [], reasons=why) for one, why in zip(items[:3], reasons, strict=False)] + [row(items[3].path, [1.0])]
    found = evaluation(items, rows)
    assert [(short.reason, short.names) for short in found.not_scored] == [
        ("no_face", ("0.mp4", "1.mp4")),
        ("too_small", ("1.mp4",)),
        ("unknown", ("2.mp4",)),
    ]


def test_hashes_follow_the_list_and_the_contents_and_nothing_else() -> None:
    items, rows = several(2)
    base = evaluation(items, rows).data
    turned = evaluation(items[::-1], rows[::-1]).data
    assert (turned.list_sha256, turned.content_sha256) == (base.list_sha256, base.content_sha256)
    relabelled = evaluation([replace(items[0], label=1), *items[1:]], rows).data
    assert relabelled.list_sha256 != base.list_sha256
    assert relabelled.content_sha256 == base.content_sha256
    rewritten = evaluation(items, [{**rows[0], "sha256": "cd" * 32}, *rows[1:]]).data
    assert rewritten.list_sha256 == base.list_sha256
    assert rewritten.content_sha256 != base.content_sha256


def test_the_json_is_plain_and_complete() -> None:
    items, rows = several(2)
    plain = evaluation(items, rows).to_dict()
    assert next(iter(plain)) == "schema_version"
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["headline"]["figures"]["video_auc"].keys() == {"value", "interval", "note"}
    assert plain["versions"] == {"screener": "0"}


def test_calibration_and_pooling_come_from_what_made_the_results() -> None:
    items = [item("a.mp4")]
    made = row(items[0].path, [0.0, 0.0, 4.0])
    checkpoint = made["checkpoint"]
    warm = {**made, "checkpoint": {**checkpoint, "calibration": {"temperature": 2.0, "bias": 1.0}, "pooling": "median"}}
    assert evaluation(items, [warm]).items[0].p_fake == pytest.approx(0.731059)
    chosen = {**warm, "settings": {**made["settings"], "pooling": "mean"}}
    assert evaluation(items, [chosen]).items[0].p_fake == pytest.approx((0.731059 * 2 + 0.952574) / 3)
    silent = {key: value for key, value in checkpoint.items() if key != "pooling"}
    with pytest.raises(CheckpointError, match="do not say how frames are pooled"):
        evaluation(items, [{**made, "checkpoint": silent}])
    with pytest.raises(CheckpointError, match="do not say how their checkpoint was calibrated"):
        evaluation(items, [{**made, "checkpoint": {"sha256": "0", "pooling": "mean"}}])


def test_several_versions_are_all_named() -> None:
    items, rows = several(1)
    rows[1]["versions"] = {"screener": "1"}
    assert evaluation(items, rows).versions == {"screener": "0, 1"}


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(DatasetError, match="empty: holds no videos"):
        evaluation_of([], [], origin_of(row("a")), "empty")
