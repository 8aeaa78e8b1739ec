"""A clip in, a table out: where the time of a scan goes on this machine, stage by stage, beside the least that it could take.

Puts stages together as the pipeline does. Does not print; a timing is a measurement of one machine at one moment, never a promise.
"""

from screener.bench.clips import SIZES_WH, make_clip
from screener.bench.spent import Spent, spending
from screener.bench.stage_times import Bench, bench, bench_with
from screener.bench.table import render

__all__ = ["SIZES_WH", "Bench", "Spent", "bench", "bench_with", "make_clip", "render", "spending"]
