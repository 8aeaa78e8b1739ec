"""One set of models that judges shards: downloads inputs ahead of the models, judges them as any scan does, and enters their rows.

Knows the ledger and `scanning.batch`. Does not choose the shards.
"""

from __future__ import annotations

import gzip
import logging
import shutil
import zlib
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from screener.cluster.beating import Watch, beating
from screener.cluster.downloads import Fetched, fetched
from screener.cluster.inputs import Row
from screener.cluster.ledger import Lease, Ledger
from screener.cluster.manifest import read_shard
from screener.cluster.parts import Part
from screener.cluster.plans import Plan, fetch_checkpoint
from screener.cluster.scratch import downloads_in, scratch_folder, sweep
from screener.cluster.stores import Store
from screener.errors import OutputError
from screener.journal import Journal
from screener.runtime.file_hash import sha256_of
from screener.runtime.files import write_whole
from screener.scanning.batch import FAILED_HERE, Batch, Judged
from screener.scanning.screener import Screener
from screener.scoring import Engine
from screener.video import SourceFailure

SPARE_SECONDS = 60.0
"""Beyond the time limit of an input, which ends most that hang, before its worker is killed."""

_LOG = logging.getLogger(__name__)


class Worker:
    """Loads the models once. Every method raises StoreLost and OutputError, after which nothing that was entered is lost."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        ledger: Ledger,
        cores: int,
        scratch: str | None = None,
        watched: bool = True,
        engine: Engine | None = None,
    ) -> None:
        """cores: that PyTorch may use. watched: whether this process ends itself where an input takes longer than the deadline.

        engine: scores the faces instead of the one that the settings of the run name.

        Raises SettingsError, CheckpointError and DeviceError where this machine cannot judge as the run asks.
        """
        plan.require_same_versions()
        self._store, self._plan, self._ledger = store, plan, ledger
        self._folder = scratch_folder(scratch, plan.id)
        sweep(self._folder)
        self.screener = Screener(plan.scan_settings, fetch_checkpoint(store, plan, self._folder), engine)
        self.screener.cores = cores
        settings = plan.cluster_settings
        limit = plan.scan_settings.time_limit_seconds
        deadline = settings.deadline_seconds or (None if limit is None else limit + SPARE_SECONDS)
        self._deadline = deadline if watched else None
        self._kept_in: Path | None = None
        self._watch: Watch | None = None

    def rows(self, shard: str) -> list[Row]:
        """The inputs of a shard."""
        return read_shard(self._store, self._plan.id, shard)

    def judge(self, lease: Lease, rows: list[Row], give_up: bool = False) -> dict[str, Any]:
        """Judge the inputs of a shard that this worker has taken, and enter them. give_up: enter them as what killed its workers.

        Returns `came`, "done" or "late" where another worker's rows count, and the facts that the ledger holds of them.
        """
        self._kept_in = None
        try:
            with beating(self._ledger, lease, self._deadline, lambda: self._save(lease)) as progress, downloads_in(self._folder) as folder:
                self._watch = progress
                judged = self._given_up(lease, rows, folder) if give_up else self._judged(lease, rows, folder, progress)
                part, facts = judged.whole()
                facts |= {"quarantined": True} if give_up else {}
                mine = self._ledger.finish(lease, part, facts)
        except BaseException as error:
            with suppress(OutputError):
                self._save(lease)
                self._ledger.end(lease, died=False, why=type(error).__name__)
            raise
        self._kept_in = None
        for path in self._folder.glob(f"{lease.shard}.*journal"):
            path.unlink(missing_ok=True)
        return {"came": "done" if mine else "late", **facts}

    def begin_time_anew(self) -> None:
        """The input that is judged has the whole deadline once more: what it waits for is not its fault."""
        if self._watch is not None:
            self._watch.again()

    def _judged(self, lease: Lease, rows: list[Row], folder: Path, progress: Watch) -> Part:
        part = Part()
        with self._journal(lease) as journal, closing(fetched(rows, folder)) as inputs:
            under_way = Fetched(inputs)

            def keep(judged: Judged) -> None:
                if judged.fault is not None:
                    _LOG.error("%s: screener failed itself", judged.verdict.source, exc_info=judged.fault)
                part.add(under_way.finished(), judged.verdict)

            Batch(under_way, self.screener, progress, journal=journal).run(keep)
        return part

    def _given_up(self, lease: Lease, rows: list[Row], folder: Path) -> Part:
        (row,) = rows
        words = f"{row.name}: {lease.deaths} workers died or hung while they judged this; it was left alone after that"
        verdict = self.screener.scan(SourceFailure(row.name, FAILED_HERE, words))
        with closing(fetched(rows, folder)) as inputs:
            for _, source, _ in inputs:
                path = None if isinstance(source, SourceFailure) else source.path
                verdict = verdict if path is None else replace(verdict, sha256=sha256_of(path))
        self._ledger.quarantine(lease, {"source": row.name, "sha256": verdict.sha256})
        part = Part()
        part.add(row.index, verdict)
        return part

    def _journal(self, lease: Lease) -> Journal:
        """Keeps rows until the shard is finished. Goes on with what earlier holders of the shard, or of what it is a half of, had."""
        self._kept_in = path = self._folder / f"{lease.shard}.journal"
        for length in range(len(lease.shard) - 1, 0, -1):
            whole = self._folder / f"{lease.shard[:length]}.journal"
            if not path.exists() and whole.exists():
                shutil.copyfile(whole, path)
        earlier = None if path.exists() else self._ledger.saved(lease)
        if earlier is not None:
            with suppress(OSError, EOFError, zlib.error):  # damaged: everything is judged again
                write_whole(path, gzip.decompress(earlier))
        try:
            return Journal(path)
        except OutputError:  # most likely another worker here, late, still holds it
            self._kept_in = path.with_name(f"{lease.key}-{self._ledger.worker}.journal")
            return Journal(self._kept_in)

    def _save(self, lease: Lease) -> None:
        """Put the journal where another machine finds it, if this one is lost."""
        if self._kept_in is not None and self._kept_in.exists():
            self._ledger.save(lease, gzip.compress(self._kept_in.read_bytes(), 1))
