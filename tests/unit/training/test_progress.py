"""The output of a training: a line per epoch in a log, a table and a bar on a terminal, nothing when quiet."""

from __future__ import annotations

import io

from screener.training.progress import LiveDisplay, PlainDisplay, QuietDisplay, display_for

from .test_metrics_log import row


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(display: object) -> None:
    with display as shown:  # type: ignore[attr-defined]
        shown.fold(1, 2, 1633, 408)
        for rows_done in (120, 240):
            shown.step(1, 10, rows_done, 240)
        shown.epoch(row(1, 1, validation_auc=0.61))
        shown.step(2, 10, 120, 240)
        shown.epoch(row(1, 2, validation_auc=0.72))


def test_a_log_gets_a_line_a_fold_and_a_line_an_epoch() -> None:
    stream = io.StringIO()
    display = display_for(stream)
    assert isinstance(display, PlainDisplay)
    run(display)
    assert stream.getvalue().splitlines() == [
        "fold 1 of 2: 1,633 rows to learn from, 408 to validate on",
        "fold 1 epoch 1: train loss 0.7000  validation loss 0.6543  AUC 0.6100  accuracy 0.5000  F1 0.2500  12.5 s",
        "fold 1 epoch 2: train loss 0.7000  validation loss 0.6543  AUC 0.7200  accuracy 0.5000  F1 0.2500  12.5 s",
    ]


def test_quiet_shows_nothing() -> None:
    stream = Terminal()
    for display in (display_for(stream, quiet=True), display_for(None)):
        assert isinstance(display, QuietDisplay)
        run(display)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_table_and_a_bar(monkeypatch: object) -> None:
    stream = Terminal()
    display = display_for(stream)
    if not isinstance(display, LiveDisplay):
        display = LiveDisplay(stream)  # TERM=dumb where the tests run
    run(display)
    shown = stream.getvalue()
    for words in ("1,633 rows to learn from", "0.6100", "0.7200", "accuracy", "epoch 1 of 10", "240/240"):
        assert words in shown
