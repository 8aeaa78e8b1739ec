"""A measurement as a table for the terminal. Knows words and numbers only."""

from __future__ import annotations

from screener.bench.stage_times import Bench

ROWS = (
    ("decode", "file checked, frames decoded in their own process"),
    ("faces", "found, followed, cropped"),
    ("scoring", "crops to scores"),
    ("total", "a whole scan, stages at once, models loaded"),
    ("process", "screener scan of this clip, from its start to its end"),
)


def render(measured: Bench) -> str:
    """A table of the stages and the floor, and what was measured."""
    width, height = measured.size_wh
    total, floor = measured.stages["total"], measured.floor
    lines = [
        f"{measured.clip}: {width}x{height}, {measured.video_seconds:.1f} s; {measured.frames} frames judged, {measured.crops} faces; "
        f"medians of {measured.repeats}",
        "",
        f"  {'':<14}{'wall s':>8}{'CPU s':>8}",
    ]
    for name, meaning in ROWS:
        spent = measured.stages[name]
        lines.append(f"  {name:<14}{spent.wall_seconds:>8.2f}{spent.cpu_seconds:>8.2f}  {meaning}")
    lines.append(f"  {'floor':<14}{floor.wall_seconds:>8.2f}{floor.cpu_seconds:>8.2f}  decoding in this process, and the bare network")
    scoring = measured.crops / measured.stages["scoring"].wall_seconds
    best_size = max(measured.passes_per_second, key=lambda size: measured.passes_per_second[size])
    best = measured.crops / measured.stages["bare network"].wall_seconds
    slowest = measured.stages[measured.slowest].wall_seconds
    lines += [
        "",
        f"  total over floor         {_ratio(total.wall_seconds, floor.wall_seconds)} in wall time, "
        f"{_ratio(total.cpu_seconds, floor.cpu_seconds)} in CPU time",
        f"  stages at once           {_ratio(total.wall_seconds, slowest)} times the slowest alone ({measured.slowest}); "
        f"{_ratio(max(slowest, total.cpu_seconds / measured.cores), slowest)} if none of {measured.cores} cores ever waited",
        f"  scoring                  {scoring:.1f} crops/s, {100 * scoring / best:.0f} % of the bare network's {best:.1f}, "
        f"best in batches of {best_size}",
        f"  checks, other process    {_share(measured)} of the scan's CPU time",
        f"  speed                    {measured.video_seconds / total.wall_seconds:.1f} seconds of video a second",
        f"  peak memory              {measured.peak_bytes / 1e6:.0f} MB in a scan, models and decoder included",
        f"  on                       {measured.device}, {measured.dtype}, {measured.cores} cores; "
        + ", ".join(f"{name} {version}" for name, version in measured.versions.items()),
    ]
    return "\n".join(lines) + "\n"


def _share(measured: Bench) -> str:
    """The cost of checking files and of decoding them in a separate process."""
    own, plain, total = (measured.stages[name].cpu_seconds for name in ("decode", "plain decode", "total"))
    return f"{100 * max(0.0, own - plain) / total:.0f} %" if total else "-"


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.2f}" if whole else "-"
