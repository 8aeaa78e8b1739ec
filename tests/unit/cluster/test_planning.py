"""What a run judges and how: every input is in one shard, copies together, and nobody goes on with a run that is another's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.checkpoint import load_checkpoint
from screener.cluster.inputs import Row, is_input, rows_of, source_of
from screener.cluster.manifest import halves_of, parsed, read_shard, shard_name, sharded, write_shard
from screener.cluster.opening import forecast, opened, planned
from screener.cluster.parts import Part, verdicts_of
from screener.cluster.plans import Wanted, make_plan, read_plan, require_same
from screener.cluster.stores import Store, is_address, open_store, require_plain
from screener.errors import SettingsError
from screener.scanning.engines import model_beside
from screener.settings import ClusterSettings, ScanSettings
from screener.video import Source, SourceFailure

obstore = pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
pyarrow = pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")
parquet = pytest.importorskip("pyarrow.parquet")
MemoryStore = obstore.store.MemoryStore


def row(index: int, size: int = 0, etag: str = "") -> Row:
    return Row(index, f"s3://b/{index}.mp4", "object", "s3://b", f"{index}.mp4", size=size, etag=etag)


def wanted(*sources: str, checkpoint: Path | None = None, **settings: object) -> Wanted:
    return Wanted(list(sources), ScanSettings(**settings), ClusterSettings(shard_videos=4), checkpoint)  # type: ignore[arg-type]


@settings(max_examples=8)  # each opens as many files as there are buckets
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), max_size=60), st.integers(1, 9))
def test_every_row_is_in_one_shard_and_copies_in_the_same(contents: list[tuple[int, str]], size: int) -> None:
    rows = [row(index, length, etag) for index, (length, etag) in enumerate(contents)]
    shards = list(sharded(rows, size))
    assert sorted(one.index for shard in shards for one in shard) == list(range(len(rows)))
    homes: dict[tuple[int, str], set[int]] = {}
    for number, shard in enumerate(shards):
        for one in shard:
            homes.setdefault((one.size, one.etag), set()).add(number)
    assert all(len(home) == 1 for home in homes.values())


def test_rows_without_copies_lie_in_shards_of_the_size_that_was_asked_for() -> None:
    assert [len(shard) for shard in sharded([row(index, index, "e") for index in range(1000)], 64)] == [64] * 15 + [40]


def test_a_shard_is_read_as_it_was_written_and_its_halves_are_halves() -> None:
    store = Store(MemoryStore(), "memory:///out")
    rows = [replace(row(index), target=b"\xff\x00", kind="file") for index in range(5)]
    write_shard(store, "plan", 3, rows)
    name = shard_name(3)
    assert read_shard(store, "plan", name) == rows
    first, second = halves_of(name)
    assert read_shard(store, "plan", first) + read_shard(store, "plan", second) == rows
    assert [len(read_shard(store, "plan", part)) for part in (first, second, f"{first}a", f"{first}b")] == [3, 2, 2, 1]
    assert parsed(f"{first}b") == (3, "ab")
    with pytest.raises(ValueError, match="no shard"):
        parsed("../run.json")


@pytest.mark.parametrize(
    ("key", "tried"),
    [
        ("a.mp4", True),
        ("x/b.JPG", True),
        ("2f6c9e", True),
        ("notes.txt", False),
        (".a.mp4", False),
        (".thumbs/a.mp4", False),
        ("x/sound.mp3", False),
    ],
)
def test_objects_are_tried_by_their_names(key: str, tried: bool) -> None:
    assert is_input(key) is tried


@pytest.fixture
def bucket() -> Store:
    inner = MemoryStore()
    for key in ("in/a.mp4", "in/deep/b.mov", "in/notes.txt", "other/c.mp4"):
        obstore.put(inner, key, key.encode())
    return Store(inner, "memory://")


def below(bucket: Store, address: str) -> Store:
    """The store that an address would open: what lies below it."""
    inner, prefix = MemoryStore(), address.removeprefix("memory://").strip("/")
    for item in bucket.listed():
        if not prefix or item.key.startswith(f"{prefix}/"):
            obstore.put(inner, item.key.removeprefix(f"{prefix}/"), bucket.read(item.key))
    return Store(inner, address)


def test_objects_below_an_address_are_rows_and_the_rest_is_told(bucket: Store) -> None:
    left_out: list[str] = []
    rows = list(rows_of(["memory:///in/"], None, left_out.append, lambda address: below(bucket, address)))
    assert [(one.index, one.name, one.key) for one in rows] == [
        (0, "memory:///in/a.mp4", "a.mp4"),
        (1, "memory:///in/deep/b.mov", "deep/b.mov"),
    ]
    assert left_out == ["memory:///in/notes.txt"]


def test_an_address_may_name_one_object_whatever_its_suffix(bucket: Store) -> None:
    (one,) = rows_of(["memory:///in/notes.txt"], None, lambda name: None, lambda address: below(bucket, address))
    assert (one.base, one.key, one.size) == ("memory:///in", "notes.txt", 12)
    with pytest.raises(SettingsError, match="names no object"):
        list(rows_of(["memory:///nothing"], None, lambda name: None, lambda address: below(bucket, address)))


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".parquet"])
def test_a_manifest_stands_for_the_listing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"keys{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pyarrow.table({"key": ["a.mp4", "deep/b.mp4"], "size": [7, 8], "etag": ["x", None]}), path)
    elif suffix == ".csv":
        path.write_text("key,size,etag\na.mp4,7,x\ndeep/b.mp4,8,\n")
    else:
        path.write_text("a.mp4\ns3://b/in/deep/b.mp4\n")
    rows = list(rows_of(["s3://b/in/"], path, lambda name: None))
    assert [(one.index, one.key, one.name) for one in rows] == [(0, "a.mp4", "s3://b/in/a.mp4"), (1, "deep/b.mp4", "s3://b/in/deep/b.mp4")]
    assert [one.size for one in rows] == ([0, 0] if suffix == ".txt" else [7, 8])


def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.csv"
    path.write_text("name\na.mp4\n")
    with pytest.raises(SettingsError, match=r"keys.csv: row 1: has no key"):
        list(rows_of(["s3://b/in"], path, lambda name: None))
    with pytest.raises(SettingsError, match=r"keys.txt: cannot be read"):
        list(rows_of(["s3://b/in"], tmp_path / "keys.txt", lambda name: None))
    with pytest.raises(SettingsError, match="objects below one address"):
        list(rows_of([str(tmp_path)], path, lambda name: None))


def local(tmp_path: Path) -> Iterator[Row]:
    return rows_of([str(tmp_path)], None, lambda name: None)


def test_folders_hold_what_any_scan_finds_in_them(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.mp4"
    for path in (os.fsencode(tmp_path / "a.mp4"), os.fsencode(tmp_path / "copy.mp4"), name):
        Path(os.fsdecode(path)).write_bytes(b"same" if path != name else b"other")
    rows = {one.name: one for one in local(tmp_path)}
    assert len(rows) == 3
    assert rows[str(tmp_path / "a.mp4")].group == rows[str(tmp_path / "copy.mp4")].group
    odd = source_of(next(one for one in rows.values() if "xff" in one.name))
    assert isinstance(odd, Source)
    assert odd.target == name


def test_a_name_without_an_input_is_a_row_and_a_camera_is_refused(tmp_path: Path) -> None:
    (missing,) = rows_of([str(tmp_path / "no.mp4")], None, lambda name: None)
    source = source_of(missing)
    assert isinstance(source, SourceFailure)
    assert source.reason == "not_found"
    with pytest.raises(SettingsError, match="only this machine has it"):
        list(rows_of(["0"], None, lambda name: None))


def test_no_password_comes_into_a_manifest_or_a_message() -> None:
    with pytest.raises(SettingsError) as refused:
        list(rows_of(["https://user:hunter2@example.org/a.mp4"], None, lambda name: None))
    assert "hunter2" not in str(refused.value)
    for address in ("s3://key:hunter2@bucket/in", "s3://bucket/in?token=hunter2"):
        with pytest.raises(SettingsError) as told:
            require_plain(address)
        assert "hunter2" not in str(told.value)
    assert require_plain("abfss://container@account.dfs.core.windows.net/x/") == "abfss://container@account.dfs.core.windows.net/x"


def test_what_names_a_store() -> None:
    assert is_address("s3://b/x")
    assert is_address("gs://b")
    assert not is_address("https://example.org/a.mp4")
    assert not is_address("clips/a.mp4")
    with pytest.raises(SettingsError, match="there is no such folder"):
        open_store("/nowhere/at/all")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.mp4").write_bytes(bytes([number]) * 10)
    return folder


def test_the_same_command_goes_on_with_a_run_and_another_may_not(tmp_path: Path, clips: Path) -> None:
    out = str(tmp_path / "out")
    first = planned(out, wanted(str(clips)), None, lambda name: None)
    (clips / "later.mp4").write_bytes(b"later")
    again = planned(out, wanted(str(clips)), None, lambda name: None)
    assert again.plan == first.plan == opened(out).plan
    assert (again.plan.inputs, again.plan.shards, again.plan.input_bytes) == (6, 2, 60)
    with pytest.raises(SettingsError, match=r"another run, with other settings \(frames\)"):
        planned(out, wanted(str(clips), frames=8), None, lambda name: None)
    with pytest.raises(SettingsError, match="another run, with other sources"):
        planned(out, wanted(str(tmp_path)), None, lambda name: None)


def test_weights_of_ones_own_travel_with_the_run(tmp_path: Path, clips: Path, tiny_checkpoint: Path) -> None:
    from screener.cluster.plans import fetch_checkpoint

    run = planned(str(tmp_path / "out"), wanted(str(clips), checkpoint=tiny_checkpoint), None, lambda name: None)
    found = fetch_checkpoint(run.store, run.plan, tmp_path)
    assert found is not None
    assert found.read_bytes() == tiny_checkpoint.read_bytes()
    with pytest.raises(SettingsError, match="other checkpoint"):
        require_same(run.store, run.plan, wanted(str(clips)))


def test_the_8_bit_model_beside_the_weights_travels_with_them(tmp_path: Path, clips: Path, tiny_checkpoint: Path) -> None:
    """So that every machine judges with it, as a plain scan does; an engine that would not use it does not need it."""
    from screener.cluster.plans import fetch_checkpoint

    weights, model = tmp_path / "own.safetensors", tmp_path / "own.int8.onnx"
    weights.write_bytes(tiny_checkpoint.read_bytes())
    model.write_bytes(b"a model")
    asked = wanted(str(clips), checkpoint=weights)
    run = planned(str(tmp_path / "out"), asked, None, lambda name: None)
    found = fetch_checkpoint(run.store, run.plan, tmp_path)
    assert found is not None
    assert model_beside(load_checkpoint(found)).read_bytes() == b"a model"  # type: ignore[union-attr]
    without = planned(str(tmp_path / "torch"), wanted(str(clips), checkpoint=weights, engine="torch"), None, lambda name: None)
    assert without.plan.model == ""
    model.write_bytes(b"exported anew")
    with pytest.raises(SettingsError, match="other 8-bit model"):
        require_same(run.store, run.plan, asked)
    run.store.write(f"checkpoint-{run.plan.model[:16]}.int8.onnx", b"another")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SettingsError, match=r"int8\.onnx: was changed"):
        fetch_checkpoint(run.store, run.plan, tmp_path / "elsewhere")


def test_a_machine_with_a_model_of_its_own_beside_the_default_weights_is_refused(
    tmp_path: Path, clips: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would score with that model, and the others without."""
    from screener.cluster.plans import fetch_checkpoint

    weights = tmp_path / "default.safetensors"
    weights.write_bytes(tiny_checkpoint.read_bytes())
    monkeypatch.setattr("screener.cluster.plans.default_checkpoint_path", lambda: weights)
    run = planned(str(tmp_path / "out"), wanted(str(clips)), None, lambda name: None)
    assert fetch_checkpoint(run.store, run.plan, tmp_path) is None
    weights.with_name("default.int8.onnx").write_bytes(b"a model")
    with pytest.raises(SettingsError, match=r"default\.int8\.onnx: the machine that planned"):
        fetch_checkpoint(run.store, run.plan, tmp_path)


def test_two_who_plan_at_once_get_one_run() -> None:
    store = Store(MemoryStore(), "memory:///out")
    asked = wanted("s3://b/in")
    first = make_plan(store, asked, [row(0)], [])
    assert make_plan(store, asked, [row(0), row(1)], []) == first == read_plan(store)


def test_a_machine_with_other_versions_is_refused_by_name() -> None:
    plan = make_plan(Store(MemoryStore(), "memory:///out"), wanted("s3://b/in"), [row(0)], [])
    plan.require_same_versions()
    with pytest.raises(SettingsError, match=r"torch 0.1, here "):
        replace(plan, versions={**plan.versions, "torch": "0.1"}).require_same_versions()


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no run"):
        opened(str(tmp_path))
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(SettingsError, match="no plan of a run"):
        opened(str(tmp_path))
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(SettingsError, match="another version of screener"):
        opened(str(tmp_path))


def test_a_forecast_writes_nothing(tmp_path: Path, clips: Path) -> None:
    (clips / "notes.txt").write_text("no picture")
    found = forecast(wanted(str(clips)), None)
    assert (found.inputs, found.input_bytes, found.shards, found.left_out) == (6, 60, 2, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_verdicts_come_out_of_a_part_as_they_went_in() -> None:
    from builders import face_scores, person, verdict

    part = Part()
    given_ = [
        verdict(source="ü \udcff".encode("utf-8", "backslashreplace").decode(), people=(person("fake"),)),
        verdict(frames=tuple(face_scores([0.2, 0.9]))),
    ]
    for index, one in enumerate(given_):
        part.add(index + 7, one)
    data, facts = part.whole()
    assert facts["rows"] == 2
    assert [(index, one.to_dict()) for index, one in verdicts_of(data)] == [(7, given_[0].to_dict()), (8, given_[1].to_dict())]


def test_settings_of_a_run_are_checked() -> None:
    for values in ({"shard_videos": 0}, {"max_actors": 1, "min_actors": 2}, {"lease_seconds": 0.1}, {"deadline_seconds": -1}):
        with pytest.raises(SettingsError):
            ClusterSettings.from_mapping(values)
    with pytest.raises(SettingsError, match="actors"):
        ClusterSettings.from_mapping({"actors": 3})
