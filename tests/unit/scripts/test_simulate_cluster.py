"""The model of a run on many machines: what can be reckoned by hand comes out so, and what goes wrong costs what it must."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate_cluster", Path(__file__).parents[3] / "scripts" / "simulate_cluster.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def quiet(model: ModuleType, **changes: object) -> object:
    """A world in which nothing but the work takes time."""
    return model.World(**{
        "nodes": 1, "cores": 2, "inputs": 8, "seconds": np.ones(4), "shard": 1, "start_seconds": 0.0, "request_seconds": 0.0,
        "driver_seconds": 0.0, "store_limit": float("inf"), **changes,
    })  # fmt: skip


def test_shards_are_handed_out_one_after_the_other(model: ModuleType) -> None:
    assert model.simulated(quiet(model), [3.0, 1.0, 1.0, 4.0]).seconds == 6.0  # 3, then nothing; 1, 1, 4
    assert model.simulated(quiet(model)).seconds == 4.0
    assert model.simulated(quiet(model, start_seconds=5.0)).seconds == 9.0


def test_the_driver_and_the_store_may_be_what_limits_it(model: ModuleType) -> None:
    assert model.simulated(quiet(model, driver_seconds=2.0)).seconds >= 8 * 2.0
    assert model.simulated(quiet(model, request_seconds=0.5, requests_a_shard=2)).seconds == 4 * (1.0 + 1.0)


def test_losses_cost_what_was_not_saved_and_everything_is_judged_in_the_end(model: ModuleType) -> None:
    world = quiet(model, nodes=4, inputs=400, seconds=np.full(4, 60.0))
    calm, rough = model.simulated(world), model.simulated(replace(world, lost_an_hour=2.0))
    assert calm.seconds == 400 * 60.0 / 8
    assert calm.losses == calm.lost_hours == 0
    assert rough.losses > 3
    assert 0 < rough.lost_hours * 3600 <= rough.losses * world.cores * world.save_seconds
    assert calm.seconds < rough.seconds < 2 * calm.seconds


def test_slow_nodes_do_less_and_the_same_seed_gives_the_same_run(model: ModuleType) -> None:
    world = quiet(model, nodes=20, inputs=4000, slow=0.5)
    first = model.simulated(world)
    assert first == model.simulated(world)
    assert 4000 / 40 < first.seconds < 2 * 4000 / 40


def test_more_machines_are_faster_until_something_else_is_the_limit(model: ModuleType) -> None:
    hours = [model.simulated(model.World(nodes, inputs=2_000_000)).seconds for nodes in (1, 4, 16)]
    assert hours == sorted(hours, reverse=True)
    assert hours[0] / hours[2] == pytest.approx(16, rel=0.15)
