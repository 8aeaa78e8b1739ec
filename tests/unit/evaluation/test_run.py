"""Judging items: each result is saved immediately, reused after a stop, and refused if it has another origin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest

from screener.checkpoint import Calibration, load_checkpoint, save_contract
from screener.datasets import LabelledItem
from screener.errors import DatasetError, OutputError, SettingsError
from screener.evaluation.run import judge, read_results
from screener.records import Verdict
from screener.report.progress import QuietProgress
from screener.video import Source, SourceFailure

from .made import row


class Stub:
    """Stands for a Screener: notes what it was asked to scan, and stops at `stop_at` of its scans."""

    def __init__(self, frames: int = 32, stop_at: int | None = None, **settings: Any) -> None:
        self.settings, self.stop_at = {"frames": frames, **settings}, stop_at
        self.scanned: list[str] = []
        self.found: dict[str, tuple[str, ...]] = {}
        """Coverage and reasons by the file's name, where they are not those of an ordinary verdict."""

    def scan(self, source: Source | SourceFailure, on_progress: object = None) -> Verdict:
        checkpoint = {"name": "stub", "sha256": "ab" * 32, "pooling": "mean"}
        made = builders.verdict(checkpoint=checkpoint, settings=self.settings, versions={"screener": "0"})
        if isinstance(source, SourceFailure):
            return made
        if self.stop_at is not None and len(self.scanned) == self.stop_at:
            raise KeyboardInterrupt
        assert source.path is not None
        self.scanned.append(source.path.name)
        sha256 = hashlib.sha256(source.path.read_bytes()).hexdigest() if source.path.exists() else None
        coverage, *reasons = self.found.get(source.path.name, (made.coverage,))
        return replace(made, source=source.name, sha256=sha256, coverage=coverage, reasons=tuple(reasons))


@pytest.fixture
def items(tmp_path: Path) -> list[LabelledItem]:
    made = []
    for number in range(4):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes([number]))
        made.append(LabelledItem(path, path.name, number % 2, path.name))
    return made


def run(items: list[LabelledItem], stub: Stub, results: Path | None, **options: Any) -> tuple[list[dict[str, Any]], tuple[int, int]]:
    told: list[tuple[int, int]] = []

    def start(judged: int, waiting: int) -> QuietProgress:
        told.append((judged, waiting))
        return QuietProgress()

    rows, _ = judge(items, stub, start, results, **options)  # type: ignore[arg-type]
    return [dict(one) for one in rows], told[0]


def test_rows_come_in_the_order_of_the_items_and_are_on_the_disk(items: list[LabelledItem], tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    rows, told = run(items, Stub(), results)
    assert told == (0, 4)
    assert [Path(one["source"]).name for one in rows] == [one.name for one in items]
    assert [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] == rows
    assert run(items, Stub(), None)[0] == rows


def test_a_stop_loses_one_item_and_the_same_call_goes_on(items: list[LabelledItem], tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(items, Stub(stop_at=2), results)
    assert len(results.read_text(encoding="utf-8").splitlines()) == 2
    # Killed in the middle of writing the third.
    with results.open("a", encoding="utf-8") as file:
        file.write('{"schema_version": 1, "sour')
    second = Stub()
    rows, told = run(items, second, results)
    assert (told, second.scanned) == ((2, 2), ["2.mp4", "3.mp4"])
    assert rows == run(items, Stub(), tmp_path / "fresh.jsonl")[0]
    third = Stub()
    assert run(items, third, results)[0] == rows
    assert third.scanned == []


def test_a_file_that_changed_or_came_back_is_judged_again(items: list[LabelledItem], tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    items[3].path.unlink()
    run(items, Stub(), results)
    items[0].path.write_bytes(b"other")
    items[3].path.write_bytes(b"back")
    again = Stub()
    rows, told = run(items, again, results)
    assert (told, again.scanned) == ((2, 2), ["0.mp4", "3.mp4"])
    assert rows[3]["sha256"] is not None
    assert run(items, Stub(), results)[0] == rows


def test_what_a_limit_or_an_accident_cut_short_is_judged_again(items: list[LabelledItem], tmp_path: Path) -> None:
    """Another run may have more time; that a file is damaged it will find again, and a limit that changed nothing is no cut."""
    first, results = Stub(), tmp_path / "r.jsonl"
    first.found = {
        "0.mp4": ("partial", "limit_time"), "1.mp4": ("none", "decoder_crash"), "2.mp4": ("partial", "corrupt"), "3.mp4": ("complete",)
    }  # fmt: skip
    run(items, first, results)
    again = Stub()
    rows, told = run(items, again, results)
    assert (told, again.scanned) == ((2, 2), ["0.mp4", "1.mp4"])
    assert [one["coverage"] for one in rows] == ["complete", "complete", "partial", "complete"]
    assert run(items, Stub(), results)[1] == (4, 0)


def test_more_items_are_added_and_strangers_refused(items: list[LabelledItem], tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    run(items[:2], Stub(), results)
    assert run(items, Stub(), results)[1] == (2, 2)
    before = results.read_bytes()
    with pytest.raises(DatasetError, match=r"holds .*0\.mp4, which is not in this data; name another folder"):
        run(items[1:], Stub(), results)
    with pytest.raises(DatasetError, match=r"was made with another setting frames \(32, not 8\); name another folder"):
        run(items, Stub(frames=8), results)
    assert results.read_bytes() == before


def test_a_foreign_file_is_not_added_to(items: list[LabelledItem], tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="no result line, so nothing was added"):
        run(items, Stub(), notes)
    assert notes.read_text(encoding="utf-8") == "mine"
    notes.write_text("mine\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="line 1: cannot be read as a result"):
        run(items, Stub(), notes)


def test_a_file_listed_twice_is_judged_once(items: list[LabelledItem], tmp_path: Path) -> None:
    stub = Stub()
    rows, _ = run([*items, replace(items[0], name="again")], stub, tmp_path / "r.jsonl")
    assert len(stub.scanned) == 4
    assert rows[4] == rows[0]


def test_no_file_there_is_an_error_before_anything_is_scanned(items: list[LabelledItem], tmp_path: Path) -> None:
    gone = [replace(one, path=tmp_path / "no" / one.name) for one in items]
    with pytest.raises(DatasetError, match=r"none of the 4 files is there, such as .*0\.mp4; relative paths start at the list's folder"):
        run(gone, Stub(), tmp_path / "r.jsonl")
    assert not (tmp_path / "r.jsonl").exists()
    rows, _ = run([*items, *gone], Stub(), None)
    assert rows[4]["sha256"] is None


@pytest.mark.parametrize(("name", "value"), [("until_sure", True), ("budget_seconds", 5.0)])
def test_frames_that_were_chosen_by_their_scores_are_refused(items: list[LabelledItem], tmp_path: Path, name: str, value: object) -> None:
    """The verdict leaves those that it examined more closely out of the score, and the row does not tell them apart."""
    stub = Stub(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=f"^{name}: labelled data is judged on frames at even steps"):
        run(items, stub, tmp_path / "r.jsonl")
    assert not stub.scanned and not (tmp_path / "r.jsonl").exists()
    file = tmp_path / "results.jsonl"
    rows = [row(one.path, [1.0], settings={"frames": 32, name: value}) for one in items]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    with pytest.raises(DatasetError, match=rf"results\.jsonl: was made with {name}, .*; scan again without it"):
        read_results(items, file, None)
    rows = [{**one, "settings": {"frames": 32, "until_sure": False, "budget_seconds": None}} for one in rows]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    assert len(read_results(items, file, None)[0]) == len(items)


def test_each_line_is_written_under_the_guard(items: list[LabelledItem], tmp_path: Path) -> None:
    results, seen = tmp_path / "r.jsonl", []

    @contextmanager
    def guard() -> Iterator[None]:
        before = results.read_text(encoding="utf-8").count("\n")
        yield
        seen.append(results.read_text(encoding="utf-8").count("\n") - before)

    def make() -> AbstractContextManager[None]:
        return guard()

    run(items, Stub(), results, guard=make)
    assert seen == [1, 1, 1, 1]


def test_results_of_others(tmp_path: Path, tiny_checkpoint: Path) -> None:
    items = [LabelledItem(tmp_path / "a.mp4", "a.mp4", 0, "g")]
    checkpoint = load_checkpoint(tiny_checkpoint)
    summary = {key: value for key, value in checkpoint.summary().items() if key != "pooling"}
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps(row(items[0].path, [1.0], checkpoint=summary)) + "\n", encoding="utf-8")
    rows, origin = read_results(items, tmp_path, checkpoint)
    assert rows[0]["frames"][0]["logit"] == 1.0
    assert origin.checkpoint["pooling"] == "trimmed_mean"
    assert "pooling" not in read_results(items, file, None)[1].checkpoint
    file.write_text(json.dumps(row(items[0].path, [1.0])) + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"was made with the checkpoint 'made', sha256 abababababababab, not with 'tiny'"):
        read_results(items, file, checkpoint)


def test_results_of_the_same_weights_under_an_earlier_contract(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Their outcomes are not those of the checkpoint that was named: it is said what they are, and both ways out."""
    items = [LabelledItem(tmp_path / "a.mp4", "a.mp4", 0, "g")]
    before = load_checkpoint(tiny_checkpoint)
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps(row(items[0].path, [1.0], checkpoint=before.summary())) + "\n", encoding="utf-8")
    anew = tmp_path / "anew.safetensors"
    save_contract(anew, replace(before.contract, calibration=Calibration(2.0, 0.5)), tiny_checkpoint)
    with pytest.raises(DatasetError, match=r"of .*anew\.safetensors before they were calibrated anew .*leave --results out"):
        read_results(items, file, load_checkpoint(anew))
    assert read_results(items, file, None)[1].sha256 == before.sha256
