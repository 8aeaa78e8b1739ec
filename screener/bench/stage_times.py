"""Measures one clip in each stage alone, in all of them together, as a whole process, and in the floor, which is the unavoidable work.

The floor is decoding up to the last wanted frame in this process, and the bare network over the crops at its best batch size. Finding
faces, tracking, checking the file and judging come on top.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from screener.bench.spent import Spent, peak_bytes, spending
from screener.errors import ExitStatus, SourceError
from screener.records import FaceCrop, Frame
from screener.runtime.cores import core_count, use_cores
from screener.runtime.versions import versions
from screener.scanning.screener import Screener
from screener.scoring import Scorer
from screener.settings import ScanSettings
from screener.video import Source, file_source, open_video
from screener.video.readers.opencv import OpenCVReader

BATCH_SIZES = (1, 8, 16, 32)


@dataclass(frozen=True)
class Bench:
    """Medians over the repeats.

    frames, crops: of one scan. video_seconds: length of the clip. stages: "decode", "faces", "scoring" alone, "total" of a scan, "process",
    the command from its start to its end, and of the floor "plain decode" and "bare network". passes_per_second: of the bare network by
    batch size. peak_bytes: up to the end of the first scan.
    """

    clip: str
    size_wh: tuple[int, int]
    video_seconds: float
    frames: int
    crops: int
    repeats: int
    stages: dict[str, Spent]
    passes_per_second: dict[int, float]
    peak_bytes: int
    device: str
    dtype: str
    cores: int
    versions: dict[str, str]

    @property
    def slowest(self) -> str:
        """The stage that takes longest alone."""
        return max(("decode", "faces", "scoring"), key=lambda name: self.stages[name].wall_seconds)

    @property
    def floor(self) -> Spent:
        """Necessary decoding, plus the network at its best rate."""
        parts = self.stages["plain decode"], self.stages["bare network"]
        return Spent(sum(part.wall_seconds for part in parts), sum(part.cpu_seconds for part in parts))


def bench(clip: Path, settings: ScanSettings | None = None, checkpoint: Path | None = None, repeats: int = 5) -> Bench:
    """Measure one clip, with models loaded and warm. Raises SourceError if it cannot be read or shows no face that is judged."""
    return bench_with(Screener(settings, checkpoint), clip, repeats)


def bench_with(screener: Screener, clip: Path, repeats: int) -> Bench:
    """The same with models that are already loaded."""
    source = file_source(clip)
    use_cores(core_count())
    verdict, peak = screener.scan(source), peak_bytes()  # before this function allocates memory for measuring
    frames = _frames(source, screener.settings)
    crops = [crop for crops in screener.new_cropper().crops(frames) for crop in crops]
    if not crops:
        raise SourceError("no_face", f"{source.name}: shows no face to measure with")
    forward, rates = _bare_network(screener.scorer, crops)
    runs: dict[str, Callable[[], object]] = {
        "decode": lambda: _frames(source, screener.settings),
        "plain decode": lambda: _plain_decode(source, [frame.index for frame in frames]),
        "faces": lambda: _find(screener, frames),
        "scoring": lambda: screener.scorer.score(crops),
        "bare network": forward,
        "total": lambda: screener.scan(source),
        "process": lambda: _process(screener, clip),
    }
    measured: dict[str, list[Spent]] = {name: [] for name in runs}
    for _ in range(repeats):  # in turns, so that a temporary load affects all alike
        for name, run in runs.items():
            with spending() as spent:
                run()
            measured[name].append(spent)
    return Bench(
        clip=source.name,
        size_wh=verdict.video.size_wh,
        video_seconds=verdict.video.duration_seconds,
        frames=len(frames),
        crops=len(crops),
        repeats=repeats,
        stages={name: _medians(times) for name, times in measured.items()},
        passes_per_second=rates,
        peak_bytes=peak,
        device=str(screener.scorer.device),
        dtype=screener.scorer.dtype_name,
        cores=core_count(),
        versions=versions(),
    )


def _medians(times: list[Spent]) -> Spent:
    return Spent(median(time.wall_seconds for time in times), median(time.cpu_seconds for time in times))


def _frames(source: Source, settings: ScanSettings) -> list[Frame]:
    with closing(open_video(source, settings)) as video:
        return list(video.frames())


def _plain_decode(source: Source, wanted: list[int]) -> None:
    """Step over every frame and retrieve the wanted ones, without checks and without another process."""
    if not isinstance(source.target, bytes):
        raise SourceError("not_regular", f"{source.name}: only a file can be measured")
    options = {"protocol_whitelist": "file"}
    with closing(OpenCVReader(source.target, options, shown_name=source.name, max_pixels=1 << 40)) as reader:
        index, left = 0, set(wanted)
        while left and reader.grab():
            if index in left:
                reader.picture()
                left.discard(index)
            index += 1


def _find(screener: Screener, frames: list[Frame]) -> None:
    """Find the faces as a scan does."""
    cropper = screener.new_cropper()
    for glances, _ in screener.glances(cropper, iter(frames)):
        cropper.followed(glances)
    use_cores(core_count())


def _process(screener: Screener, clip: Path) -> None:
    """`screener scan` in a process of its own. Raises SourceError if it could not run."""
    settings = screener.settings
    given = {"--batch-size": settings.batch_size, "--device": settings.device, "--dtype": settings.dtype,
             "--decoder": settings.decoder, "--checkpoint": screener.checkpoint.path}  # fmt: skip
    options = [str(word) for option, value in given.items() if value is not None for word in (option, value)]
    command = [sys.executable, "-m", "screener", "scan", str(clip), "-q", *_sampling(settings), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (ExitStatus.GENUINE, ExitStatus.FAKE, ExitStatus.INCOMPLETE):
        raise SourceError("not_regular", f"screener scan {clip} ended with {done.returncode}: {done.stderr.strip()}")


def _sampling(settings: ScanSettings) -> list[str]:
    """The options for the frames that these settings take. An option overrides those that exclude it in the environment and in files."""
    if settings.all_frames:
        return ["--all-frames"]
    if settings.fps is not None:
        return ["--fps", str(settings.fps)]
    until_sure = ["--until-sure"] if settings.until_sure else []
    budget = ["--budget", str(settings.budget_seconds)] if settings.budget_seconds is not None else []
    return [*until_sure, *budget] or ["--frames", str(settings.frames)]


def _bare_network(scorer: Scorer, crops: list[FaceCrop]) -> tuple[Callable[[], object], dict[int, float]]:
    """The network over prepared tensors, as many as there are crops, at the best batch size; and the rate at each batch size."""
    rates = {}
    for size in BATCH_SIZES:
        run = _passes(scorer, crops, size)
        run()
        with spending() as spent:
            run()
        rates[size] = len(crops) / spent.wall_seconds
    return _passes(scorer, crops, max(rates, key=lambda size: rates[size])), rates


def _passes(scorer: Scorer, crops: list[FaceCrop], size: int) -> Callable[[], object]:
    pictures = np.stack([crop.crop_rgb for crop in crops])
    passes = [scorer.engine.bare_pass(pictures[start : start + size]) for start in range(0, len(pictures), size)]

    def run() -> None:
        for bare_pass in passes:
            bare_pass()

    return run
