"""A batch continues after any failing input, and reuses only valid results from its journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from builders import person, verdict

from screener.errors import DeviceError, ExitStatus, OutputError, SourceError
from screener.journal import GIVEN_UP_AFTER, Journal
from screener.records import Verdict
from screener.report import ReportFolder
from screener.report.progress import QuietProgress
from screener.runtime.file_hash import sha256_of
from screener.scanning.batch import MOST_WORKERS, Batch, Judged, fitting_workers
from screener.video import Source, SourceFailure, file_source

Answer = Callable[[Source], Verdict]


class Models:
    """What a batch needs of a screener: it answers by name, counts what it was asked, and raises what it is told to."""

    def __init__(self, answers: dict[str, Answer] | None = None, threshold: float = 0.6) -> None:
        self.asked: list[str] = []
        self._answers = answers or {}
        self._threshold = threshold

    def scan(self, source: Source | SourceFailure, on_progress: Any = None) -> Verdict:
        if isinstance(source, SourceFailure):
            nothing = {"outcome": "undecided", "coverage": "none", "p_fake": None, "interval": None}
            return self._row(source.name, reasons=(source.reason,), detail=source.message, **nothing)
        self.asked.append(Path(source.name).name)
        answer = self._answers.get(self.asked[-1])
        if answer is not None:
            return answer(source)
        assert source.path is not None
        return self._row(source.name, sha256=sha256_of(source.path), people=(person("genuine"),), detail=f"{source.name}: read")

    def _row(self, name: str, **changes: Any) -> Verdict:
        return verdict(source=name, threshold=self._threshold, checkpoint={"sha256": "1" * 64}, versions={"screener": "1"}, **changes)


def raising(error: Exception) -> Answer:
    def answer(source: Source) -> Verdict:
        raise error

    return answer


@pytest.fixture
def clips(tmp_path: Path) -> list[Source]:
    """Three files of different content."""
    paths = [tmp_path / f"{name}.mp4" for name in "abc"]
    for path in paths:
        path.write_text(path.stem)
    return [file_source(path) for path in paths]


class Stopped(Exception):
    """An interrupt before the next row."""


def run(
    inputs: Sequence[Source | SourceFailure], models: Models, journal: Journal | None = None, folder: Path | None = None, most: int = 99
) -> tuple[Batch, list[Judged]]:
    batch = Batch(inputs, models, QuietProgress(), ReportFolder(folder) if folder else None, journal)  # type: ignore[arg-type]
    kept: list[Judged] = []

    @contextmanager
    def whole() -> Iterator[None]:
        if len(kept) == most:
            raise Stopped
        yield

    with suppress(Stopped):
        batch.run(kept.append, whole)
    return batch, kept


@pytest.mark.parametrize(
    "error", [ValueError("of our own \x1b[31m"), MemoryError(), SourceError("corrupt", "b"), OSError(24, "no more files")]
)
def test_a_fault_of_its_own_is_a_row_and_the_rest_goes_on(clips: list[Source], error: Exception) -> None:
    batch, kept = run(clips, Models({"b.mp4": raising(error)}))
    assert [judged.verdict.outcome for judged in kept] == ["genuine", "undecided", "genuine"]
    row = kept[1].verdict
    assert (row.source, row.coverage, row.reasons, row.p_fake) == (clips[1].name, "none", ("decoder_crash",), None)
    assert row.sha256 == sha256_of(clips[1].path or Path())
    assert row.detail.startswith(f"{clips[1].name}: screener itself failed on this at test_batch.py:")
    assert type(error).__name__ in row.detail
    assert [judged.fault for judged in kept] == [None, error, None]
    assert batch.exit_status() == ExitStatus.INCOMPLETE
    assert batch.summary.undecided == 1


def test_a_name_that_the_system_refuses_is_a_row_and_the_rest_goes_on(clips: list[Source], tmp_path: Path) -> None:
    clips[1] = file_source(tmp_path / ("b" * 300))
    models = Models({"b" * 300: raising(OSError(36, "File name too long"))})
    with Journal(tmp_path / "journal") as journal:
        _, kept = run(clips, models, journal)
    assert [judged.verdict.outcome for judged in kept] == ["genuine", "undecided", "genuine"]


def test_a_fault_in_every_input_means_that_it_could_not_run(clips: list[Source]) -> None:
    everywhere = Models({name: raising(ValueError("broken")) for name in ("a.mp4", "b.mp4", "c.mp4")})
    batch, kept = run(clips, everywhere)
    assert len(kept) == 3
    assert batch.exit_status() == batch.exit_status(allow_incomplete=True) == ExitStatus.COULD_NOT_RUN
    batch, _ = run([*clips, SourceFailure("gone", "not_found", "gone: no such file")], everywhere)
    assert batch.exit_status() == ExitStatus.INCOMPLETE


@pytest.mark.parametrize("error", [DeviceError("no device"), OutputError("no space"), BrokenPipeError(), KeyboardInterrupt()])
def test_what_concerns_every_input_ends_the_run(clips: list[Source], error: Exception) -> None:
    with pytest.raises(type(error)):
        run(clips, Models({"b.mp4": raising(error)}))


def test_only_what_an_earlier_run_lacks_is_judged(clips: list[Source], tmp_path: Path) -> None:
    path, inputs = tmp_path / "journal", [*clips, SourceFailure("gone", "not_found", "gone: no such file")]
    with Journal(path) as journal:
        run(inputs, first := Models(), journal, most=2)
    # The third was begun when the run stopped.
    assert first.asked == ["a.mp4", "b.mp4", "c.mp4"]
    with Journal(path) as journal:
        batch, kept = run(inputs, second := Models(), journal)
    assert second.asked == ["c.mp4"]
    assert [judged.known for judged in kept] == [True, True, False, False]
    quiet, expected = run(inputs, Models())
    assert [judged.verdict for judged in kept] == [judged.verdict for judged in expected]
    assert (batch.summary.inputs, batch.summary.genuine, batch.known) == (4, 3, 2)
    assert batch.exit_status() == quiet.exit_status()


def test_content_counts_and_not_the_name(clips: list[Source], tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        run(clips, Models(), journal)
    (tmp_path / "moved.mp4").write_text("a")
    (tmp_path / "b.mp4").write_text("changed")
    with Journal(path) as journal:
        _, kept = run([file_source(tmp_path / "moved.mp4"), *clips[1:]], models := Models(), journal)
    assert models.asked == ["b.mp4"]
    moved = kept[0].verdict
    assert (moved.source, moved.detail) == (str(tmp_path / "moved.mp4"), f"{tmp_path / 'moved.mp4'}: read")


def test_a_file_that_changes_while_it_is_judged_is_judged_again(clips: list[Source], tmp_path: Path) -> None:
    def grows(source: Source) -> Verdict:
        assert source.path is not None
        source.path.write_text("longer")
        return verdict(source=source.name, sha256=sha256_of(source.path))

    path = tmp_path / "journal"
    with Journal(path) as journal:
        run(clips, Models({"b.mp4": grows}), journal)
    with Journal(path) as journal:
        run(clips, models := Models(), journal)
    assert models.asked == ["b.mp4"]


def test_a_file_that_was_not_hashed_in_time_is_finished_unless_it_changed(clips: list[Source], tmp_path: Path) -> None:
    def hurried(source: Source) -> Verdict:
        return verdict(source=source.name, sha256=None, size_bytes=None)

    def overtaken(source: Source) -> Verdict:
        assert source.path is not None
        source.path.write_text("longer")
        return hurried(source)

    content = sha256_of(clips[0].path) if clips[0].path else None
    with Journal(tmp_path / "journal") as journal:
        _, kept = run(clips, Models({"a.mp4": hurried, "b.mp4": overtaken}), journal)
    assert [(judged.verdict.sha256, judged.verdict.size_bytes) for judged in kept[:2]] == [(content, 1), (None, None)]
    with Journal(tmp_path / "journal") as journal:
        run(clips, models := Models(), journal)
    assert models.asked == ["b.mp4"]


def test_other_weights_or_settings_are_judged_anew(clips: list[Source], tmp_path: Path) -> None:
    for threshold in (0.5, 0.7):
        with Journal(tmp_path / "journal") as journal:
            run(clips, models := Models(threshold=threshold), journal)
        assert len(models.asked) == 3


def test_a_fault_is_tried_again_by_the_next_run(clips: list[Source], tmp_path: Path) -> None:
    for answers in ({"b.mp4": raising(ValueError("broken"))}, {}):
        with Journal(tmp_path / "journal") as journal:
            _, kept = run(clips, Models(answers), journal)
    assert [judged.known for judged in kept] == [True, False, True]


class Killed(BaseException):
    """Ends the process: nothing is written after it."""


def test_a_file_that_takes_screener_with_it_is_left_alone_in_the_end(clips: list[Source], tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for _ in range(GIVEN_UP_AFTER):
        journal = Journal(path)
        with pytest.raises(Killed):
            run(clips, Models({"b.mp4": raising(Killed())}), journal)  # type: ignore[arg-type]
        journal._file.close()
    with Journal(path) as journal:
        batch, kept = run(clips, models := Models(), journal)
    assert models.asked == ["c.mp4"]
    row = kept[1].verdict
    assert (row.outcome, row.coverage, row.reasons) == ("undecided", "none", ("decoder_crash",))
    assert f"ended {GIVEN_UP_AFTER} times" in row.detail
    assert batch.exit_status() == ExitStatus.INCOMPLETE
    with Journal(path) as journal:
        _, kept = run(clips, models, journal)
    assert all(judged.known for judged in kept)
    assert kept[1].verdict == row


def test_a_page_that_is_not_as_it_was_written_is_made_again(clips: list[Source], tmp_path: Path) -> None:
    path, pages = tmp_path / "journal", tmp_path / "pages"
    with Journal(path) as journal:
        run(clips, Models(), journal)
    with Journal(path) as journal:
        run(clips, models := Models(), journal, pages)
    # The first run wrote no pages, and the pictures on them are in no journal.
    assert models.asked == ["a.mp4", "b.mp4", "c.mp4"]
    whole = {page.name: page.read_text() for page in pages.iterdir()}
    first, second = sorted(pages.glob("[ab].mp4*"))
    first.unlink()
    second.write_text("half")
    with Journal(path) as journal:
        _, kept = run(clips, models := Models(), journal, pages)
    assert models.asked == ["a.mp4", "b.mp4"]
    assert [judged.known for judged in kept] == [False, False, True]
    assert {page.name: page.read_text() for page in pages.iterdir()} == whole


def test_copies_have_a_page_each_and_one_is_judged_for_all_where_there_are_none(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_text("the same")
    copies, pages = [file_source(tmp_path / f"{name}.mp4") for name in "abc"], tmp_path / "pages"
    with Journal(tmp_path / "journal") as journal:
        run(copies, models := Models(), journal, pages)
        assert models.asked == ["a.mp4", "b.mp4", "c.mp4"]
    with Journal(tmp_path / "journal") as journal:
        _, kept = run(copies, models := Models(), journal, pages)
        assert models.asked == []
        assert [judged.verdict.source for judged in kept] == [source.name for source in copies]
    with Journal(tmp_path / "other") as journal:
        _, kept = run(copies, models := Models(), journal)
        assert models.asked == ["a.mp4"]
        assert [judged.verdict.source for judged in kept] == [source.name for source in copies]


# Several at once.


def side_by_side(inputs: Sequence[Source | SourceFailure], models: Models, journal: Journal | None = None) -> tuple[Batch, list[Judged]]:
    batch = Batch(inputs, models, QuietProgress(), None, journal, workers=2)  # type: ignore[arg-type]
    kept: list[Judged] = []
    batch.run(kept.append)
    return batch, kept


def test_two_are_judged_at_once_and_rows_come_in_order(clips: list[Source]) -> None:
    both = threading.Barrier(2)

    def together(source: Source) -> Verdict:
        both.wait(timeout=30)  # passes only if another is being judged meanwhile
        return verdict(source=source.name)

    _, kept = side_by_side([*clips, clips[0]], Models(dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), together)))
    assert [judged.verdict.source for judged in kept] == [source.name for source in [*clips, clips[0]]]


def test_a_fault_beside_others_is_a_row_and_what_ends_a_run_ends_it(clips: list[Source]) -> None:
    _, kept = side_by_side(clips, Models({"b.mp4": raising(ValueError("ours"))}))
    assert [judged.fault is not None for judged in kept] == [False, True, False]
    with pytest.raises(DeviceError):
        side_by_side(clips, Models({"b.mp4": raising(DeviceError("gone"))}))


def test_a_journal_beside_several_repeats_nothing(clips: list[Source], tmp_path: Path) -> None:
    path = tmp_path / "batch.journal"
    with Journal(path) as journal:
        side_by_side(clips, Models(), journal)
    again = Models()
    with Journal(path) as journal:
        batch, kept = side_by_side([SourceFailure("gone.mp4", "not_found", "gone"), *clips], again, journal)
    assert again.asked == [] and batch.known == 3 and len(kept) == 4


def test_what_is_judged_beside_a_file_that_takes_screener_with_it_keeps_its_verdict(clips: list[Source], tmp_path: Path) -> None:
    inputs, path = [clips[1], clips[0], clips[2]], tmp_path / "batch.journal"
    for _ in range(GIVEN_UP_AFTER):
        journal = Journal(path)
        with pytest.raises(Killed):
            side_by_side(inputs, Models({"b.mp4": raising(Killed())}), journal)
        journal._file.close()
    with Journal(path) as journal:
        _, kept = side_by_side(inputs, models := Models(), journal)
    assert sorted(models.asked) == ["a.mp4", "c.mp4"]
    assert [judged.verdict.reasons == ("decoder_crash",) for judged in kept] == [True, False, False]


@pytest.mark.parametrize(
    ("inputs", "cores", "workers"), [(1, 8, 1), (100, 1, 1), (100, 2, 2), (100, 4, 3), (2, 4, 2), (1000, 64, MOST_WORKERS), (0, 4, 1)]
)
def test_as_many_are_judged_at_once_as_there_are_inputs_and_cores_for(inputs: int, cores: int, workers: int) -> None:
    assert fitting_workers(inputs, cores) == workers
