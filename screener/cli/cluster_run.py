"""The scan command on many machines: plans the run, hands it to Ray, and writes rows as they are entered, in any order."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from screener.cli.app import stops
from screener.cli.configuration import command_settings, found_file
from screener.errors import ExitStatus, SettingsError, exit_status
from screener.runtime.stop_signals import Terminated
from screener.settings import ClusterSettings, ScanSettings

if TYPE_CHECKING:
    from screener.cluster.driving import Progress
    from screener.cluster.opening import Run
    from screener.records import Verdict

PLAN_ONLY = "plan"
TOLD_SECONDS = 10.0
OF_THE_COMMAND = ("actor_cpus", "min_actors", "max_actors", "gpu_scorers")
"""Settings that change no row: those of the command that goes on with a run are in force, not those of the one that began it."""

CROP_BYTES = 224 * 224 * 3
SPARE = 2
"""Crops whose worker died are sent again, while Ray may still hold them."""

ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="Judge on many machines under Ray: auto, HOST:PORT of a cluster, or local:N for N cores here; -o names the place of the run, "
        f"a folder or s3://bucket/run/. {PLAN_ONLY}: only make it ready for `screener cluster work`.",
    ),
]
ManifestOption = Annotated[
    Path | None, typer.Option("--manifest", help="With --cluster: .parquet, .csv or lines of the keys to judge, instead of listing them.")
]
ShardOption = Annotated[int | None, typer.Option("--shard-videos", help="With --cluster: inputs handed out together (256).")]
CoresOption = Annotated[int | None, typer.Option("--actor-cpus", help="With --cluster: cores of each worker (1).")]
LeastOption = Annotated[int | None, typer.Option("--min-actors", help="With --cluster: at least so many workers (1).")]
MostOption = Annotated[int | None, typer.Option("--max-actors", help="With --cluster: at most so many workers.")]
ScorersOption = Annotated[
    int | None,
    typer.Option(
        "--gpu-scorers",
        help="With --cluster: so many more workers, each on a GPU, that score the faces which the others find (0); with --device cpu, on "
        "cores.",
    ),
]
AttemptsOption = Annotated[
    int | None, typer.Option("--max-attempts", help="With --cluster: an input that killed so many workers is left alone (3).")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="With --cluster: say what would be judged, and write nothing.")]


class ClusterRun(NamedTuple):
    """What the command line says of a run. where: of --cluster. out: of -o."""

    where: str | None
    out: str | None
    manifest: Path | None
    dry_run: bool
    given: dict[str, Any]

    @property
    def asked(self) -> bool:
        """Whether the scan is to be one on many machines. Raises SettingsError for an option that only then means something."""
        lone = {
            "--manifest": self.manifest,
            "--dry-run": self.dry_run,
            **{f"--{name.replace('_', '-')}": v for name, v in self.given.items()},
        }
        named = [option for option, value in lone.items() if value is not None and value is not False]
        if self.where is None and named:
            raise SettingsError(f"{named[0]}: belongs to runs on many machines; give --cluster too")
        return self.where is not None


class Ways(NamedTuple):
    """How rows are written. format_name: of `WRITERS`."""

    format_name: str
    with_frames: bool
    allow_incomplete: bool
    quiet: bool


def scan_on_cluster(
    sources: list[str], settings: ScanSettings, checkpoint: Path | None, config: Path | None, cluster: ClusterRun, ways: Ways
) -> int:
    """Plan, judge, write rows; the exit status."""
    from screener.cluster.opening import forecast, planned
    from screener.cluster.plans import Wanted

    if cluster.out is None:
        raise SettingsError("--cluster: name the place of the run with -o, a folder or an address such as s3://bucket/run/")
    if settings.engine.endswith(".onnx"):
        raise SettingsError(f"--engine {settings.engine}: a file of this machine is not there on others; give the name of an engine")
    config = config or found_file()  # it was said when the scan's settings were read
    divided = command_settings(ClusterSettings, "cluster", config, {name: n for name, n in cluster.given.items() if n is not None})
    wanted = Wanted(sources, settings, divided, checkpoint)
    if divided.gpu_scorers and cluster.where == PLAN_ONLY:
        raise SettingsError(f"--gpu-scorers: needs Ray; workers of a run that is made with --cluster {PLAN_ONLY} score by themselves")
    scorers = _scorers_in_words(divided, settings.device)
    if cluster.dry_run:
        from screener.report import counted

        told = forecast(wanted, cluster.manifest)
        sys.stdout.write(
            f"{counted(told.inputs, 'input')}, {told.input_bytes / 1e9:.1f} GB as listed, in {counted(told.shards, 'shard')}; "
            f"{counted(told.left_out, 'file')} left out{scorers}\n"
        )
        return int(ExitStatus.GENUINE)
    left_out: list[str] = []
    run = planned(cluster.out, wanted, cluster.manifest, lambda name: left_out.append(name) if len(left_out) < 4 else None)
    if left_out:
        _tell_left_out(left_out, run.plan.left_out)
    if cluster.where == PLAN_ONLY:
        from screener.report import counted

        made = f"{counted(run.plan.inputs, 'input')} in {counted(run.plan.shards, 'shard')}"
        sys.stderr.write(f"screener: {made}; judged by: screener cluster work {cluster.out}\n")
        return int(ExitStatus.GENUINE)
    workers = {name: getattr(divided, name) for name in OF_THE_COMMAND}
    return _driven(run, str(cluster.where), ways, replace(run.plan.cluster_settings, **workers))


class Rows:
    """Writes the rows of each shard once its part is entered, and counts them."""

    def __init__(self, run: Run, ways: Ways) -> None:
        from screener.report import WRITERS, Output, Summary

        self._run, self._ways = run, ways
        self._writer = WRITERS[ways.format_name](None, False, None)
        self._out = Output(sys.stdout, "standard output")
        self._results: set[tuple[str, str]] = set()
        self._missing = 0
        self.summary = Summary(left_out=run.plan.left_out)
        self.known = 0
        self.began = self._told = time.monotonic()

    def begin(self) -> None:
        """What comes before the first row."""
        self._out.write(self._writer.begin())

    def shard(self, name: str, outcome: dict[str, Any], known: bool) -> None:
        """Write the rows of one shard."""
        from screener.cluster.parts import verdicts_of

        with stops.held_back():
            for _, verdict in verdicts_of(self._run.store.read(outcome["part"])):
                self._row(verdict)
                self.known += known

    def end(self) -> None:
        """What comes after the last row."""
        self._out.write(self._writer.end(self.summary.lasting(time.monotonic() - self.began)))

    def look(self, progress: Progress) -> None:
        """A line on standard error now and then."""
        now = time.monotonic()
        if self._ways.quiet or now - self._told < TOLD_SECONDS:
            return
        self._told = now
        fresh = self.summary.inputs - self.known + progress.in_hand
        sys.stderr.write(f"{_line(self._run.plan.inputs, self.summary, fresh / (now - self.began), progress)}\n")

    def status(self) -> int:
        """Of a run that came to its end."""
        if self.summary.inputs and self.summary.inputs == self._missing:
            return int(ExitStatus.COULD_NOT_RUN)
        return int(exit_status(self._results, self._ways.allow_incomplete))

    def _row(self, verdict: Verdict) -> None:
        self._out.write(self._writer.one(verdict if self._ways.with_frames else replace(verdict, frames=())))
        self.summary = self.summary.plus(verdict)
        self._results.add((verdict.outcome, verdict.coverage))
        self._missing += verdict.reasons == ("not_found",)


def _line(inputs: int, summary: Any, pace: float, progress: Progress) -> str:
    from screener.report.wording import clock, counted

    done = summary.inputs + progress.in_hand
    left = f"; {pace:.2g} a second, about {clock((inputs - done) / pace, 0)} left" if pace > 0 else ""
    lost = f", {progress.lost} lost" if progress.lost else ""
    came = f"{summary.fake} fake, {summary.genuine} genuine, {summary.undecided} undecided"
    scorers = f", {progress.scorers} of {counted(progress.scorers_wanted, 'scorer')}" if progress.scorers_wanted else ""
    return f"[{done}/{inputs}] {came}{left}; {counted(progress.alive, 'worker')}{lost}{scorers}"


def _scorers_in_words(divided: ClusterSettings, device: str) -> str:
    from screener.cluster.scorer_pool import place_of
    from screener.report import counted

    if not divided.gpu_scorers:
        return ""
    each = counted(divided.actor_cpus, "core") if place_of(device)[0] == "CPU" else "one GPU"
    return f"; scored by {counted(divided.gpu_scorers, 'scorer')}, on {each} each"


def _driven(run: Run, where: str, ways: Ways, settings: ClusterSettings) -> int:
    from screener.cluster.driving import Drive
    from screener.cluster.ray_actor import BATCHES_AWAY
    from screener.cluster.ray_session import ray_session

    rows = Rows(run, ways)
    stops.only_first()
    try:
        rows.begin()
        drive = Drive(run, settings.scratch, rows.shard, rows.look, settings=settings)
        drive.take_stock()
        if drive.unfinished:
            crops = BATCHES_AWAY * run.plan.scan_settings.batch_size * CROP_BYTES if settings.gpu_scorers else 0
            with ray_session(where, crops * SPARE) as ray:
                drive.run(ray)
        stops.ignore()
    except (KeyboardInterrupt, Terminated) as stop:
        rows.end()
        word = "terminated" if isinstance(stop, Terminated) else "interrupted"
        sys.stderr.write(f"screener: {word} after {rows.summary.inputs} of {run.plan.inputs} inputs; the same command judges the rest\n")
        return int(ExitStatus.TERMINATED if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED)
    rows.end()
    if rows.known and not ways.quiet:
        sys.stderr.write(f"screener: {rows.known} of {run.plan.inputs} inputs were judged before and taken from {run.out}\n")
    return rows.status()


def _tell_left_out(names: list[str], count: int) -> None:
    from screener.report import counted, visible

    shown = ", ".join([*map(visible, names[:3]), *(["..."] if len(names) > 3 else [])])
    sys.stderr.write(f"screener: {counted(count, 'file')} left out, named like neither video nor picture: {shown}\n")
