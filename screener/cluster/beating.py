"""Signs of life of a worker while it judges a shard, and its end where one input takes too long. Knows the ledger, not what is judged."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from screener.cluster.ledger import Lease, Ledger
from screener.errors import OutputError
from screener.records import Verdict
from screener.report.progress import QuietProgress

BEATS_A_LEASE = 4


class Watch(QuietProgress):
    """Counts rows; and where one input takes longer than the deadline, ends this process, even if nothing in it answers any more."""

    def __init__(self, deadline: float | None) -> None:
        """deadline: seconds for one input; None for no end."""
        self.rows, self._deadline, self._judges = 0, deadline, False
        self._told = sys.__stderr__ or open(os.devnull, "w")  # noqa: SIM115

    def start(self, name: str) -> None:
        """An input is begun."""
        self._judges = True
        if self._deadline is not None:
            # In a thread of the interpreter that needs no lock of it, so that it also ends a library that hangs and holds that.
            faulthandler.dump_traceback_later(self._deadline, exit=True, file=self._told)

    def again(self) -> None:
        """The input that is being judged, if there is one, has all of its time once more."""
        if self._judges:
            self.start("")

    def done(self, verdict: Verdict) -> None:
        """An input is judged; what comes before the next is begun has limits of its own."""
        self.rows += 1
        self.ended()

    def known(self, verdict: Verdict) -> None:
        """An input was judged before."""
        self.rows += 1

    def ended(self) -> None:
        """No input is being judged any more."""
        self._judges = False
        if self._deadline is not None:
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def beating(ledger: Ledger, lease: Lease, deadline: float | None, save: Callable[[], None] = lambda: None) -> Iterator[Watch]:
    """Say that this worker is alive, for as long as the block lasts; one sign that does not get through is made up for by the next.

    save: called at every other sign, to put what is judged so far where others find it.
    """
    over, watch = threading.Event(), Watch(deadline)

    def beat() -> None:
        number = 0
        while not over.wait(ledger.lease_seconds / BEATS_A_LEASE):
            number += 1
            with suppress(OutputError):
                ledger.beat(lease, watch.rows)
                if number % 2 == 0:
                    save()

    threading.Thread(target=beat, name="beat", daemon=True).start()
    try:
        yield watch
    finally:
        over.set()
        watch.ended()
