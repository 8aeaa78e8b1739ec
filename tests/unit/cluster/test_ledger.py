"""Every input has exactly one row, whoever dies, comes back late, or finds the store failing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_runs import Failing, StandIn, plan_of, reasons, run_of

from screener.cluster.ledger import Ledger, Standing, next_step
from screener.cluster.lone import LoneWorker
from screener.cluster.opening import Run, opened
from screener.cluster.results import compact, tally
from screener.cluster.stores import Store
from screener.errors import OutputError, SettingsError

obstore = pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")
MemoryStore, LocalStore = obstore.store.MemoryStore, obstore.store.LocalStore


class Died(Exception):
    """In the place of a SIGKILL, which would end the tests."""


class Mortal(StandIn):
    """Its death leaves, as a SIGKILL does, a lease that nobody ends."""

    def die(self) -> None:
        raise Died


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(MemoryStore() if request.param == "memory" else LocalStore(tmp_path), "memory:///out")


def worked(run: Run, worker: StandIn | None = None, **options: Any) -> int:
    return LoneWorker(run.plan, run.ledger, worker or StandIn(run, 0.0)).run(lambda shard, came: None, **options)  # type: ignore[arg-type]


def test_a_worker_alone_judges_everything_once(store: Store) -> None:
    run = run_of(store, plan_of(store, [f"{number}.mp4" for number in range(10)]))
    assert worked(run) == 3
    assert set(reasons(run)) == {f"{number}.mp4" for number in range(10)}
    assert worked(run) == 0


def test_two_workers_share_the_shards_and_none_is_judged_twice(store: Store) -> None:
    plan = plan_of(store, [f"{number}.mp4" for number in range(24)])
    one, other = run_of(store, plan), run_of(store, plan)
    first, second = StandIn(one, 0.0), StandIn(other, 0.0)
    assert worked(one, first, most=2) == 2
    assert worked(other, second) == 4
    assert len(reasons(one)) == 24
    assert not set(first.judged) & set(second.judged)


@pytest.mark.parametrize(
    ("standing", "inputs", "step"),
    [
        (Standing(), 4, "judge"),
        (Standing(attempts=1), 4, "wait"),
        (Standing(attempts=1, ended={1}), 4, "judge"),
        (Standing(attempts=1, ended={1}, deaths=1), 4, "halve"),
        (Standing(attempts=1, ended={1}, deaths=1), 1, "judge"),
        (Standing(attempts=2, ended={1, 2}, deaths=2), 1, "judge"),
        (Standing(attempts=3, ended={1, 2, 3}, deaths=3), 1, "give up"),
        (Standing(attempts=4, ended={1, 2, 3}, deaths=3), 1, "wait"),
    ],
)
def test_what_becomes_of_a_shard_follows_from_who_died_of_it(standing: Standing, inputs: int, step: str) -> None:
    assert next_step(standing, inputs, max_attempts=3) == step


def test_a_poisoned_shard_is_halved_until_one_input_is_left_and_that_gets_its_row(store: Store) -> None:
    names = [f"{number}.mp4" for number in range(7)] + ["poison.mp4"]
    plan = plan_of(store, names, shard_videos=8)
    deaths = 0
    for _ in range(40):
        run = run_of(store, plan)
        try:
            worked(run, Mortal(run, 0.0), wait=False)
        except Died:
            deaths += 1
            aged(store, run)
            continue
        break
    assert deaths == 3 + 3  # at 8, 4 and 2 inputs, and thrice alone
    found = reasons(run)
    assert found.pop("poison.mp4") == ("decoder_crash",)
    assert set(found.values()) == {()}
    (entry,) = run.ledger.quarantined()
    assert entry["source"].endswith("poison.mp4")
    assert entry["deaths"] == 3


def aged(store: Store, run: Run) -> None:
    """End the leases of the dead now, instead of waiting until they run out."""
    survey = run.ledger.survey()
    for shard in survey.leaves():
        if survey.of(shard).open and shard not in survey.done:
            run.ledger.end_stale(shard, survey.of(shard))


def test_a_worker_that_comes_back_after_its_lease_ran_out_changes_nothing(store: Store) -> None:
    plan = plan_of(store, [f"{number}.mp4" for number in range(4)])
    late, other = run_of(store, plan), run_of(store, plan)
    lease = late.ledger.claim("000000", Standing())
    assert lease is not None
    time.sleep(plan.cluster_settings.lease_seconds + 0.3)
    assert worked(other) >= 1
    came = StandIn(late, 0.0).judge(lease, StandIn(late).rows("000000"))
    assert came["came"] == "late"
    assert len(reasons(other)) == 4
    assert f"part-{lease.key}.parquet" not in {item.key for item in store.listed()}


def test_a_worker_that_is_slow_but_alive_keeps_its_lease(store: Store) -> None:
    plan = plan_of(store, [f"{number}.mp4" for number in range(4)])
    slow, other = run_of(store, plan), run_of(store, plan)

    class Slow(StandIn):
        def _answer(self, row: Any) -> Any:
            assert worked(other, wait=False) == 0
            return super()._answer(row)

    assert worked(slow, Slow(slow, 0.5)) == 1
    assert len(reasons(slow)) == 4


class Clocks:
    """Of this machine, not of the store. set_by: the wall clock is wrong by so much. passed: so much more time has passed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set_by = self.passed = 0.0
        wall, steady = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: wall() + self.set_by + self.passed)
        monkeypatch.setattr(time, "monotonic", lambda: steady() + self.passed)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.mark.parametrize("wrong_by", [-600.0, 600.0])
def test_a_clock_that_is_set_right_during_the_run_kills_nobody(tmp_path: Path, clocks: Clocks, wrong_by: float) -> None:
    store = Store(LocalStore(tmp_path), str(tmp_path))
    holder = run_of(store, plan_of(store, ["a.mp4"], lease_seconds=60)).ledger
    clocks.set_by = wrong_by
    other = opened(str(tmp_path), writes=True)
    lease = holder.claim("000000", Standing())
    assert lease is not None
    assert worked(other, wait=False) == 0
    clocks.set_by = 0.0
    for rows in range(4):
        holder.beat(lease, rows)
        assert worked(other, wait=False) == 0
    standing = other.ledger.survey().of("000000")
    assert (standing.attempts, standing.open, standing.deaths) == (1, True, 0)
    clocks.passed += 61  # and now it is dead
    assert worked(other, wait=False) == 1


@pytest.mark.parametrize("set_by", [-600.0, 600.0])
def test_a_folder_whose_clock_is_set_kills_nobody_and_hides_no_death(tmp_path: Path, clocks: Clocks, set_by: float) -> None:
    store = Store(LocalStore(tmp_path), str(tmp_path))
    plan = plan_of(store, ["a.mp4", "b.mp4"], shard_videos=1, lease_seconds=60)
    holder, other = run_of(store, plan).ledger, opened(str(tmp_path), writes=True)
    now = time.time()
    beats, dies = (holder.claim(shard, Standing()) for shard in ("000000", "000001"))
    assert beats is not None
    assert dies is not None
    assert worked(other, wait=False) == 0
    for rows in range(5):
        holder.beat(beats, rows)
        beaten = now + set_by + rows * 15
        os.utime(tmp_path / "beats" / beats.key, (beaten, beaten))
        assert worked(other, wait=False) == (rows == 4)  # the one that is silent for 60 seconds
        clocks.passed += 15.1
    standings = [other.ledger.survey().of(shard) for shard in ("000000", "000001")]
    assert [(found.attempts, found.deaths) for found in standings] == [(1, 0), (2, 1)]


def test_what_died_long_ago_is_free_at_the_first_look(tmp_path: Path, clocks: Clocks) -> None:
    store = Store(LocalStore(tmp_path), str(tmp_path))
    lease = run_of(store, plan_of(store, ["a.mp4"], lease_seconds=60)).ledger.claim("000000", Standing())
    assert lease is not None
    begun = time.time() - 62
    os.utime(tmp_path / "leases" / lease.key, (begun, begun))
    clocks.set_by = -600.0
    assert worked(opened(str(tmp_path), writes=True), wait=False) == 1


def test_a_machine_whose_clock_is_wrong_sees_who_is_alive(tmp_path: Path, clocks: Clocks) -> None:
    store = Store(LocalStore(tmp_path), str(tmp_path))
    plan = plan_of(store, [f"{number}.mp4" for number in range(4)], lease_seconds=60)
    holder = run_of(store, plan, driver="driver-1").ledger
    lease = holder.claim("000000", Standing())
    assert lease is not None
    holder.beat(lease, 3)
    holder.tell_scorers(1, ["host-1"])
    for clocks.set_by in (120.0, -120.0):
        run = opened(str(tmp_path))
        found = tally(run.store, run.plan, run.ledger)
        assert (found.workers, found.in_hand, found.scorers) == (1, 3, 1)
    assert not [item.key for item in store.listed("probe/")]


@pytest.mark.parametrize(
    "refusal",
    [
        obstore.exceptions.PermissionDeniedError("403 Forbidden"),
        obstore.exceptions.GenericError("Unable to create dir /mnt/out/probe: Read-only file system (os error 30)"),
    ],
)
def test_whoever_may_only_read_is_told_how_far_a_run_is(store: Store, refusal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(store, ["a.mp4"], lease_seconds=60)
    holder = run_of(store, plan).ledger
    lease = holder.claim("000000", Standing())
    assert lease is not None

    def refused(*arguments: Any, **options: Any) -> None:
        raise refusal

    monkeypatch.setattr(obstore, "put", refused)
    monkeypatch.setattr("screener.cluster.stores.time.sleep", lambda seconds: pytest.fail("asked again, though it is not allowed to write"))
    assert tally(store, plan, Ledger(store, plan.shards, 60.0)).workers == 1


def test_what_is_given_back_is_taken_up_and_held_against_nothing(store: Store) -> None:
    plan = plan_of(store, ["full.mp4", "a.mp4"])
    run = run_of(store, plan)

    class Releasing(StandIn):
        def judge(self, lease: Any, rows: Any, give_up: bool = False) -> Any:
            try:
                return super().judge(lease, rows, give_up)
            except OutputError:
                self._run.ledger.end(lease, died=False, why="full")
                raise

    for _ in range(5):
        with pytest.raises(OutputError):
            worked(run, Releasing(run, 0.0))
    standing = run.ledger.survey().of("000000")
    assert (standing.attempts, standing.deaths, standing.open) == (5, 0, False)


def test_a_driver_that_died_costs_its_shards_no_death(store: Store) -> None:
    plan = plan_of(store, ["a.mp4"])
    first, second = (run_of(store, plan, driver=name) for name in ("one", "two"))
    assert first.ledger.claim("000000", Standing()) is not None
    standing = second.ledger.survey().of("000000")
    second.ledger.end_stale("000000", standing)
    assert (standing.open, standing.deaths) == (False, 0)


def test_only_one_of_rows_and_halves_counts(store: Store) -> None:
    run = run_of(store, plan_of(store, [f"{number}.mp4" for number in range(4)]))
    worker = StandIn(run, 0.0)
    lease = run.ledger.claim("000000", Standing())
    assert lease is not None
    assert worker.judge(lease, worker.rows("000000"))["came"] == "done"
    assert not run.ledger.halve("000000")
    assert len(reasons(run)) == 4


def test_a_store_that_fails_every_tenth_call_costs_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Failing()

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            turn = turns.turn()
            if turn == "before":
                raise obstore.exceptions.GenericError("the connection was reset")
            answer = real(*arguments, **options)
            if turn == "after":
                raise obstore.exceptions.GenericError("the answer was lost")
            return answer

        return call

    for name in ("put", "get", "head", "list", "delete"):
        monkeypatch.setattr(obstore, name, failing(getattr(obstore, name)))
    monkeypatch.setattr("screener.cluster.stores.FIRST_PAUSE_SECONDS", 0.001)
    run = run_of(store, plan_of(store, [f"{number}.mp4" for number in range(60)], lease_seconds=60))
    assert worked(run) == 15
    assert len(reasons(run)) == 60
    assert turns.failed > 10
    survey = run.ledger.survey()
    assert {survey.of(shard).attempts for shard in survey.leaves()} == {1}  # an answer that was lost is no other worker's lease


def test_a_store_that_ignores_conditions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = obstore.put
    monkeypatch.setattr(obstore, "put", lambda inner, key, data, mode=None: real(inner, key, data))
    with pytest.raises(SettingsError, match="no conditional writes"):
        Store(MemoryStore(), "memory:///out").probe()


def test_a_sound_store_passes_and_nothing_of_the_probe_is_left(store: Store) -> None:
    store.probe()
    now = store.clock()
    assert now is not None
    assert abs(now - time.time()) < 5
    assert list(store.listed()) == []


def test_a_run_says_how_far_it_is(store: Store) -> None:
    plan = plan_of(store, [f"{number}.mp4" for number in range(10)])
    run = run_of(store, plan)
    assert worked(run, most=1) == 1
    other = run_of(store, plan)
    free = next(shard for shard in ("000000", "000001", "000002") if not run.ledger.outcome(shard))
    lease = other.ledger.claim(free, Standing())
    assert lease is not None
    other.ledger.beat(lease, 2)
    found = tally(store, plan, run.ledger)
    assert (found.inputs, found.shards, found.shards_done, found.workers, found.in_hand) == (10, 3, 1, 1, 2)
    assert found.judged in (2, 4)
    assert found.counts["genuine"] == found.judged
    assert not found.finished
    assert found.seconds_left is not None


def test_a_run_says_how_many_scoring_workers_are_ready(store: Store) -> None:
    plan = plan_of(store, ["1.mp4"])
    run = run_of(store, plan, driver="driver-1")
    assert (tally(store, plan, run.ledger).scorers, tally(store, plan, run.ledger).scorers_wanted) == (0, 0)
    run.ledger.tell_scorers(3, ["host-1", "host-2"])
    assert (tally(store, plan, run.ledger).scorers, tally(store, plan, run.ledger).scorers_wanted) == (2, 3)
    assert run.ledger.scorers(time.time() + plan.cluster_settings.lease_seconds + 1) == ([], 0)  # its driver is not heard of any more
    run.ledger.forget_scorers()
    assert run.ledger.scorers(time.time()) == ([], 0)


def test_tables_hold_every_row_in_order_and_only_of_a_finished_run(store: Store) -> None:
    from screener.cluster.manifest import from_parquet

    run = run_of(store, plan_of(store, [f"{number}.mp4" for number in range(10)]))
    worked(run, most=1)
    with pytest.raises(SettingsError, match="2 shards are not judged yet"):
        compact(store, run.ledger, partial=False)
    worked(run)
    names, count = compact(store, run.ledger, partial=False)
    assert count == 10
    assert [row["index"] for row in from_parquet(store.read(names[0]))] == list(range(10))
    assert compact(store, run.ledger, partial=False) == (names, 10)


def test_a_damaged_entry_is_named(store: Store) -> None:
    run = run_of(store, plan_of(store, ["a.mp4"]))
    store.create("done/000000.json", b"{")
    with pytest.raises(OutputError, match=r"done/000000.json: is damaged"):
        run.ledger.outcome("000000")


def test_ledgers_of_two_workers_have_two_names(store: Store) -> None:
    assert Ledger(store, 1, 1.0).worker != Ledger(store, 1, 1.0).worker
