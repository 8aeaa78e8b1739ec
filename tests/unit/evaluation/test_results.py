"""Files of results: read line by line, from one origin, matched by path, with every error named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screener.datasets import LabelledItem
from screener.errors import DatasetError
from screener.evaluation.results import common_origin, difference, is_results, origin_of, read_rows, rows_of

from .made import item, row


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def test_rows_come_in_the_order_of_the_items_and_the_last_of_several_counts(tmp_path: Path) -> None:
    items = [item("b.mp4"), item("a.mp4")]
    results = write(tmp_path / "r.jsonl", [row(items[1].path, [1.0]), row(items[0].path, [2.0]), row(items[1].path, [3.0])])
    found = rows_of(items, read_rows(results), results)
    assert [one["frames"][0]["logit"] for one in found] == [2.0, 3.0]
    with pytest.raises(DatasetError, match=r"r\.jsonl: lacks 1 of 1 videos, such as c\.mp4"):
        rows_of([item("c.mp4")], read_rows(results), results)


def test_rows_are_matched_by_real_paths_relative_ones_from_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = write(tmp_path / "r.jsonl", [row("clips/a.mp4", [2.0])])
    (found,) = rows_of([LabelledItem(tmp_path / "clips" / "a.mp4", "a.mp4", 1, "g")], read_rows(results), results)
    assert found["frames"][0]["logit"] == 2.0


@pytest.mark.parametrize(
    ("line", "why"),
    [("{", "line 2: .* Expecting"), ("[1]", "line 2: .* lacks source"), ('{"source": "a"}', "line 2: .* lacks outcome")],
)
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: str, why: str) -> None:
    results = tmp_path / "r.jsonl"
    results.write_text(json.dumps(row("a.mp4", [1.0])) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=why):
        read_rows(results)


def test_a_missing_or_binary_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read as results"):
        read_rows(tmp_path / "none.jsonl")
    (tmp_path / "r.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read as results"):
        read_rows(tmp_path / "r.jsonl")


def test_one_file_is_of_one_make(tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    one = row("a.mp4", [1.0])
    other = row("b.mp4", [1.0], settings={**one["settings"], "frames": 8})
    with pytest.raises(DatasetError, match=r"r\.jsonl, result 2: was made with another setting frames \(8, not 32\)"):
        common_origin([one, other], results)
    with pytest.raises(DatasetError, match="holds no results"):
        common_origin([], results)
    assert common_origin([one, one], results).name == "made"


def test_what_two_makes_differ_in() -> None:
    one = row("a.mp4")
    changed = {
        "checkpoint (other, sha256 cdcdcdcdcdcdcdcd, not made": {"checkpoint": {"name": "other", "sha256": "cd" * 32}},
        "setting dtype ('bfloat16', not None)": {"settings": {**one["settings"], "dtype": "bfloat16"}},
        "threshold (0.7, not 0.6)": {"threshold": 0.7},
        "threshold (0.6": {"operating_point": {"fpr": 0.1}},
    }
    for what, change in changed.items():
        assert difference(origin_of(one), origin_of(row("a.mp4", **change))).startswith(what)
    assert difference(origin_of(one), origin_of(row("b.mp4", settings={**one["settings"], "batch_size": 1}))) == ""


def test_results_and_checkpoints_are_told_apart(tmp_path: Path, tiny_checkpoint: Path) -> None:
    assert is_results(write(tmp_path / "r.txt", [row("a.mp4")]))
    assert is_results(tmp_path)
    assert not is_results(tiny_checkpoint)
    # A header of 8,827 bytes opens with the very characters that a line of JSON does.
    (tmp_path / "unlucky.safetensors").write_bytes((0x227B).to_bytes(8, "little") + b"{}")
    assert not is_results(tmp_path / "unlucky.safetensors")
    with pytest.raises(DatasetError, match="give a checkpoint or a file of results"):
        is_results(tmp_path / "none")
