"""A signal is raised only where allowed, and no further signal disturbs the cleanup."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from screener.runtime.stop_signals import SIGNALS, StopSignals, Terminated

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def stops() -> Iterator[StopSignals]:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    listening = StopSignals()
    listening.listen()
    yield listening
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_each_signal_has_its_exception(stops: StopSignals) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    for number in (signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(Terminated):
            signal.raise_signal(number)


def test_a_library_no_longer_raises_for_children_that_the_same_signal_ended(stops: StopSignals) -> None:
    """As PyTorch does for its workers; the error would come in the middle of what ends the command."""

    def a_worker_died(*_: object) -> None:
        raise RuntimeError("a worker is killed by signal: Terminated")

    before = signal.signal(signal.SIGCHLD, a_worker_died)
    try:
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGCHLD)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_what_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        StopSignals().listen()
        signal.raise_signal(signal.SIGHUP)
    finally:
        for number, handler in {**handlers, signal.SIGHUP: before}.items():
            signal.signal(number, handler)


def test_what_is_held_back_comes_after_the_block(stops: StopSignals) -> None:
    done = []
    with pytest.raises(Terminated), stops.held_back():
        signal.raise_signal(signal.SIGTERM)
        done.append("whole")
    assert done == ["whole"]


@pytest.mark.parametrize("held", [False, True])
def test_after_the_first_the_others_change_nothing(stops: StopSignals, held: bool) -> None:
    stops.only_first()
    with pytest.raises(KeyboardInterrupt):
        if held:
            with stops.held_back():
                signal.raise_signal(signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        signal.raise_signal(number)


def test_ignored_signals_change_nothing_until_it_listens_again(stops: StopSignals) -> None:
    stops.ignore()
    signal.raise_signal(signal.SIGINT)
    stops.listen()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
