"""A clip in, a table out: the time that each stage of a scan takes on this machine, and the least that it could take.

Runs the stages as a scan does. Does not print. A timing is a measurement of one machine at one moment.
"""

from screener.bench.clips import SIZES_WH, make_clip
from screener.bench.spent import Spent, spending
from screener.bench.stage_times import Bench, bench, bench_with
from screener.bench.table import render

__all__ = ["SIZES_WH", "Bench", "Spent", "bench", "bench_with", "make_clip", "render", "spending"]
