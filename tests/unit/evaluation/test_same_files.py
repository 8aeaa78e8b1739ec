"""Links and copies do not count as separate items, and a file with both labels is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from screener.checkpoint import Calibration
from screener.datasets import LabelledItem
from screener.errors import DatasetError
from screener.evaluation.checkpoint_comparison import Side, comparison_of
from screener.evaluation.recalibration import CalibrateSettings, recalibrate
from screener.evaluation.results import origin_of
from screener.evaluation.same_files import each_once
from screener.evaluation.videos import scores_of

from .made import evaluation, item, row, several


def with_copies(items: list[LabelledItem], rows: list[dict[str, Any]], times: int) -> tuple[list[LabelledItem], list[dict[str, Any]]]:
    """The first fake and real `times` more under other names, in groups of their own, where the files of the same content lie."""
    chosen = [next(i for i, one in enumerate(items) if one.label == label) for label in (1, 0)]
    more = [(replace(items[i], name=f"copy {n}/{items[i].name}", group=f"copy {n}"), rows[i]) for i in chosen for n in range(times)]
    return [*items, *(one for one, _ in more)], [*rows, *(found for _, found in more)]


def test_an_evaluation_with_copies_is_that_without() -> None:
    items, rows = several(12)
    plain = evaluation(items, rows).to_dict()
    copied = evaluation(*with_copies(items, rows, 20)).to_dict()
    assert copied["data"].pop("copies") == 40 and plain["data"].pop("copies") == 0
    assert copied == plain


def test_a_comparison_with_copies_is_that_without() -> None:
    items, rows = several(12)
    others = [{**found, "frames": [{**frame, "logit": frame["logit"] / 2} for frame in found["frames"]]} for found in rows]
    plain = comparison_of(items, Side("a", tuple(rows), origin_of(rows[0])), Side("b", tuple(others), origin_of(rows[0])), "made")
    more, copied = with_copies(items, rows, 9)
    _, copied_others = with_copies(items, others, 9)
    found = comparison_of(more, Side("a", tuple(copied), origin_of(rows[0])), Side("b", tuple(copied_others), origin_of(rows[0])), "made")
    assert found.differences == plain.differences and found.scored_by_both == plain.scored_by_both


def test_a_calibration_with_copies_is_that_without() -> None:
    items, rows = several(24)
    settings = CalibrateSettings(fprs=(0.1,))
    plain = recalibrate(scores_of(items, rows), Calibration(), "mean", settings)
    found = recalibrate(scores_of(*with_copies(items, rows, 30)), Calibration(), "mean", settings)
    assert found.copies == 60 and replace(found, copies=0) == plain


@pytest.mark.parametrize(
    "both", [evaluation, lambda items, rows: recalibrate(scores_of(items, rows), Calibration(), "mean", CalibrateSettings())]
)
def test_a_file_with_both_labels_is_refused(both: Any) -> None:
    items, rows = several(12)
    items.append(replace(items[0], name="other name.mp4", label=1))
    rows.append(rows[0])
    with pytest.raises(
        DatasetError, match=r"real/0\.mp4 and other name\.mp4 are one file, and the data calls the one real and the other fake"
    ):
        both(items, rows)


@pytest.mark.parametrize(
    "both", [evaluation, lambda items, rows: recalibrate(scores_of(items, rows), Calibration(), "mean", CalibrateSettings(fprs=(0.1,)))]
)
def test_empty_files_are_one_content_and_not_one_video(both: Any) -> None:
    """A download that failed twice must not stop the whole work, whatever the two are called."""
    items, rows = several(12)
    for name, label in (("empty real.mp4", 0), ("empty fake.mp4", 1)):
        items.append(item(name, label))
        rows.append(row(items[-1].path, coverage="none", reasons=["empty"], sha256="00" * 32))
    found = both(items, rows).to_dict()
    names = found["not_scored"][0]["names"] if "data" in found else found["not_scored"]
    assert names == ["empty real.mp4", "empty fake.mp4"]


def test_a_comparison_takes_empty_files_for_no_copies() -> None:
    items, rows = several(12)
    items += [item("empty real.mp4", 0), item("empty fake.mp4", 1)]
    rows += [row(one.path, coverage="none", reasons=["empty"], sha256="00" * 32) for one in items[-2:]]
    side = Side("a", tuple(rows), origin_of(rows[0]))
    assert comparison_of(items, side, side, "made").neither == 2


def test_links_to_what_could_not_be_read_are_one_item(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    items = [replace(item(name), path=tmp_path / name) for name in ("gone.mp4", "link.mp4", "other.mp4")]
    rows = [row(one.path, coverage="none", sha256=None) for one in items]
    kept, _, copies = each_once(items, rows)
    assert [one.name for one in kept] == ["gone.mp4", "other.mp4"] and copies.left == (("gone.mp4", "link.mp4"),)
