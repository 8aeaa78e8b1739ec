"""How a command ends when something goes wrong while a signal is ending it."""

from __future__ import annotations

import pytest

from screener.cli.exits import exits
from screener.errors import ExitStatus
from screener.runtime.stop_signals import Terminated


@pytest.mark.parametrize(
    ("stop", "status", "word"),
    [(Terminated(), ExitStatus.TERMINATED, "terminated"), (KeyboardInterrupt(), ExitStatus.INTERRUPTED, "interrupted")],
)
def test_a_library_that_fails_while_a_signal_ends_the_command_is_no_fault(
    stop: BaseException, status: ExitStatus, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, exits():
        try:
            raise stop
        finally:
            try:
                raise ValueError("a worker died")
            except ValueError as error:
                raise RuntimeError("the loader stopped") from error
    assert ended.value.code == status
    assert capsys.readouterr().err == f"screener: {word}\n"


def test_a_fault_of_its_own_is_shown_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, exits():
        raise RuntimeError("nothing interrupted this")
    assert ended.value.code == ExitStatus.COULD_NOT_RUN
    assert "Traceback" in (said := capsys.readouterr().err) and "fault of its own (RuntimeError)" in said
