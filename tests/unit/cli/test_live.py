"""Ctrl-C and SIGTERM at any moment of a watch: no reported event is lost or written partially."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from live_updates import event, person_event, update

from screener.cli.app import stops
from screener.cli.live import _follow
from screener.errors import ExitStatus
from screener.watching.records import LiveUpdate


@pytest.fixture
def listening() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    stops.listen()
    stops.only_first()
    yield
    stops.listen()  # forgets a signal that waits
    for number, handler in before.items():
        signal.signal(number, handler)


class Interrupted:
    """A watch in which a signal arrives between what happened and its telling, and one more while it is ended."""

    def __init__(self, number: int) -> None:
        self.verdict: object | None = None
        self._number = number
        self._updates = iter([update("live"), update("live", events=(person_event("alarm"),))])

    def __iter__(self) -> Interrupted:
        return self

    def __next__(self) -> LiveUpdate:
        told = next(self._updates)
        if told.events:
            os.kill(os.getpid(), self._number)
        return told

    def finish(self) -> LiveUpdate:
        os.kill(os.getpid(), self._number)
        self.verdict = object()
        return update("ended", events=(event("summary"),))


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, ExitStatus.INTERRUPTED), (signal.SIGTERM, ExitStatus.TERMINATED)])
def test_what_was_told_before_a_signal_is_handed_on(number: int, status: ExitStatus) -> None:
    shown: list[str] = []

    def show(told: LiveUpdate) -> bool:
        shown.extend(one.kind for one in told.events)
        return True

    outputs = SimpleNamespace(show=show, hurry=lambda: shown.append("hurried"))
    assert _follow(Interrupted(number), outputs) == status  # type: ignore[arg-type]
    assert shown == ["alarm", "summary", "hurried"]
