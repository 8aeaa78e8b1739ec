"""A driver in a process of its own, which tests may kill: `python cluster_driver.py ADDRESS OUT`; prints a line when it is done."""

from __future__ import annotations

import sys

import cluster_runs

from screener.cluster.driving import Drive
from screener.cluster.opening import opened
from screener.cluster.ray_session import ray_session


def main(address: str, out: str) -> None:
    import ray
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(cluster_runs)  # the tests' folder is in nobody else's path
    run = opened(out, writes=True, driver=f"driver-{cluster_runs.os.getpid()}")
    out_stream = sys.stdout
    drive = Drive(run, None, lambda shard, outcome, known: None, lambda progress: None, cluster_runs.StandInSeat)
    drive.take_stock()
    with ray_session(address):
        drive.run(ray)
    out_stream.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
