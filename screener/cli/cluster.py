"""The cluster command: work on a run without Ray, and see what has come of one."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from screener.cli.app import InOrder, app, stops
from screener.cli.exits import exits
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.errors import ExitStatus

if TYPE_CHECKING:
    from screener.cluster.results import Tally

cluster_app = typer.Typer(cls=InOrder, help="Runs on many machines.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(cluster_app, name="cluster")

OutArgument = Annotated[str, typer.Argument(metavar="OUT", help="Place of the run, as it was named with -o.")]


@cluster_app.command("work")
def work(
    out: OutArgument,
    cpus: Annotated[int | None, typer.Option("--cpus", min=1, help="Cores of this worker; all where it is not given.")] = None,
    scratch: Annotated[str | None, typer.Option("--scratch", help="Folder for downloads and journals.")] = None,
    max_shards: Annotated[int | None, typer.Option("--max-shards", min=1, help="End after so many shards.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where all that is left is in others' hands.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line per shard on standard error.")] = False,
    verbose: VerboseOption = 0,
    log_file: LogFileOption = None,
) -> None:
    """Judge shards of a planned run, as one of any number of workers, until none is left.

    Exit status: 0 no shard is left, 3 some are (--no-wait, --max-shards), 2 could not run, 130 interrupted, 143 terminated.

    What was entered is never lost.
    """
    with exits():
        log_to(verbose, log_file, warnings=True)
        if cpus is not None:
            os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(cpus)))  # before PyTorch is loaded
        from screener.cluster.lone import LoneWorker
        from screener.cluster.opening import opened
        from screener.cluster.results import finished_shards
        from screener.cluster.scratch import clear
        from screener.cluster.worker import Worker
        from screener.runtime.cores import core_count

        run = opened(out, writes=True)
        worker = Worker(run.store, run.plan, run.ledger, cpus or core_count(), scratch or run.plan.cluster_settings.scratch)

        stops.only_first()  # while a shard is given back, a second Ctrl-C changes nothing

        def tell(shard: str, came: dict[str, Any]) -> None:
            if not quiet:
                late = "" if came["came"] == "done" else ", too late: another worker's rows count"
                sys.stderr.write(f"screener: shard {shard}: {came['rows']} rows{late}\n")

        LoneWorker(run.plan, run.ledger, worker).run(tell, max_shards, not no_wait)
        _, missing = finished_shards(run.ledger)
        if not missing:
            clear(scratch or run.plan.cluster_settings.scratch, run.plan.id)
        sys.exit(ExitStatus.INCOMPLETE if missing else ExitStatus.GENUINE)


@cluster_app.command("status")
def status(out: OutArgument, json_: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Say how far a run is. Exit status: 0 finished, 3 not yet, 2 could not be read."""
    with exits():
        from screener.cluster.opening import opened
        from screener.cluster.results import tally

        run = opened(out)
        found = tally(run.store, run.plan, run.ledger)
        sys.stdout.write(f"{json.dumps(asdict(found))}\n" if json_ else _in_words(found))
        sys.exit(ExitStatus.GENUINE if found.finished else ExitStatus.INCOMPLETE)


@cluster_app.command("quarantine")
def quarantine(out: OutArgument, json_: Annotated[bool, typer.Option("--json", help="As one line of JSON each.")] = False) -> None:
    """List the inputs that killed so many workers that they were left alone. Their rows say decoder_crash."""
    with exits():
        from screener.cluster.opening import opened
        from screener.report import visible

        for found in opened(out).ledger.quarantined():
            text = (
                json.dumps(found) if json_ else f"{visible(str(found['source']))}: {found['deaths']} workers died (shard {found['shard']})"
            )
            sys.stdout.write(f"{text}\n")


@cluster_app.command("compact")
def compact(
    out: OutArgument,
    partial: Annotated[bool, typer.Option("--partial", help="Also before the run is finished.")] = False,
) -> None:
    """Write all rows of a run as few large Parquet tables beside it; the tables of an earlier call are replaced."""
    with exits():
        from screener.cluster.opening import opened
        from screener.cluster.results import compact as write_tables

        run = opened(out)
        names, rows = write_tables(run.store, run.ledger, partial)
        sys.stdout.write("".join(f"{run.store.address}/{name}\n" for name in names))
        sys.stderr.write(f"screener: {rows} rows in {len(names)} tables\n")


def _in_words(found: Tally) -> str:
    from screener.report.wording import clock, counted

    counts = ", ".join(f"{found.counts.get(name, 0)} {name}" for name in ("fake", "genuine", "undecided"))
    unread, poison = found.counts.get("unreadable", 0), found.quarantined
    pace = "" if found.a_second is None else f"{found.a_second:.3g} a second"
    left = "" if found.seconds_left is None or found.finished else f", about {clock(found.seconds_left, 0)} left"
    lines = [
        f"inputs    {found.judged} of {found.inputs} judged" + (f", {found.in_hand} more in hand" if found.in_hand else ""),
        f"outcomes  {counts}" + (f" ({unread} unreadable)" if unread else "") + (f", {poison} in quarantine" if poison else ""),
        f"shards    {found.shards_done} of {found.shards} done",
        f"workers   {counted(found.workers, 'worker')} heard of lately",
        f"scorers   {found.scorers} of {found.scorers_wanted} ready" if found.scorers_wanted else "",
        f"pace      {pace}{left}" if pace else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)
