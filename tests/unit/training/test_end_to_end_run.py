"""Labelled pictures to a checkpoint: stages, splits, resuming; with stand-ins for the loop and the face detector."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY, WIDE, labelled_face, tiny_contract, tiny_network

from screener.checkpoint import DataSet, load_checkpoint, save_checkpoint, verify_checkpoint
from screener.datasets import LabelledItem
from screener.errors import DatasetError, OutputError, SettingsError
from screener.model.reference import NO_REFERENCE
from screener.settings import EndToEndSettings
from screener.training import end_to_end_data, end_to_end_run, validation
from screener.training.end_to_end import Stage, State
from screener.training.end_to_end_data import pictures_of
from screener.training.end_to_end_run import EndToEndReport, stages_of, train_end_to_end
from screener.training.labelled_pictures import LabelledFace

SETTINGS = EndToEndSettings(minutes=1.0, input_size=64, pairs=2, device="cpu")


def quiet(message: str) -> None:
    pass


def item(number: int, split: str = "", label: int = 0) -> LabelledItem:
    name = f"{('real', 'fake')[label]}/{number}.png"
    return LabelledItem(Path("data") / name, name, label, f"group-{number}", split, set_name="made")


def face_of(its: LabelledItem) -> LabelledFace:
    return replace(labelled_face("fake" if its.label else "real", int(its.path.stem)), name=its.name)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what `read_data` finds; a face is found in every picture, and few pairs are judged."""
    monkeypatch.setattr(validation, "PAIRS", 4)
    monkeypatch.setattr(validation, "BATCH", 4)
    monkeypatch.setattr(end_to_end_data, "read_item_faces", lambda items, detector, cache: [face_of(its) for its in items])

    def put(items: list[LabelledItem]) -> None:
        monkeypatch.setattr(end_to_end_data, "read_data", lambda path: items)

    put([item(n, "validation" if n > 5 else "train") for n in range(9)])
    return put


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Stage, float]]:
    """In place of the loop: moves the average a little, counts a hundred pictures, and notes the stage and the seconds it began with."""
    heard: list[tuple[Stage, float]] = []

    def train_stage(state: State, stage: Stage, maker: Any, path: Path, seed: int, say: Any, **rest: Any) -> None:
        heard.append((stage, state.seconds))
        if state.seconds < stage.minutes * 60:
            with torch.no_grad():
                state.average["head.fc.bias"] += 0.125
            state.pictures += 100
            state.seconds = stage.minutes * 60
        state.save(path)

    monkeypatch.setattr(end_to_end_run, "train_stage", train_stage)
    return heard


def run(output: Path, checkpoint: Path, settings: EndToEndSettings = SETTINGS, say: Any = quiet) -> EndToEndReport:
    return train_end_to_end(Path("data"), output, replace(settings, init=str(checkpoint)), say)


def test_pictures_grow_and_the_rate_falls() -> None:
    stages = stages_of(EndToEndSettings(minutes=100, input_size=224, learning_rate=1e-3, hardness=(0.1, 0.3), strength=(1.0, 0.8)))
    assert [stage.input_size for stage in stages] == [128, 160, 224]
    assert [stage.minutes for stage in stages] == pytest.approx([45, 20, 35])
    assert [stage.learning_rate for stage in stages] == pytest.approx([1e-3, 7e-4, 5e-4])
    assert stages[0].hardness[0] == pytest.approx(0.1)
    assert stages[-1].hardness[1] == pytest.approx(0.3)
    assert stages[-1].strength[1] == pytest.approx(0.8)
    for before, after in pairwise(stages):
        assert before.hardness[1] == pytest.approx(after.hardness[0])
        assert before.strength[1] == pytest.approx(after.strength[0])
    assert [stage.input_size for stage in stages_of(SETTINGS)] == [64, 64, 64]
    (at_once,) = stages_of(
        EndToEndSettings(
            minutes=100,
            grow=False,
            hold=0.7,
            moments=2,
            video=0.9,
            tone=0.1,
            same_route=0.2,
            level=0.4,
            crop_margin=1.1,
            ranking=0.3,
            shown_px=(150.0, 400.0),
            other_real=0.6,
            motion_blur=0.7,
            save_every_seconds=30.0,
        )
    )
    assert (at_once.minutes, at_once.input_size, at_once.learning_rate, at_once.hold) == (100, 224, 1.5e-4, 0.7)
    assert at_once.save_every_seconds == 30.0
    assert (at_once.moments, at_once.video, at_once.tone, at_once.same_route) == (2, 0.9, 0.1, 0.2)
    assert (at_once.level, at_once.crop_margin, at_once.ranking, at_once.shown_px) == (0.4, 1.1, 0.3, (150.0, 400.0))
    recipe = at_once.recipe(0.5)
    assert (at_once.other_real, at_once.motion_blur) == (recipe.other_real, recipe.motion_blur) == (0.6, 0.7)


def test_statistics_are_kept_if_there_are_any() -> None:
    kept = {
        init: {stage.frozen_statistics for stage in stages_of(EndToEndSettings(init=init))}
        for init in ("default", "random", "own.safetensors")
    }
    assert kept == {"default": {True}, "random": {False}, "own.safetensors": {True}}
    assert not any(stage.frozen_statistics for stage in stages_of(EndToEndSettings(frozen_statistics=False)))


def test_pictures_become_a_checkpoint(data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path) -> None:
    output, words = tmp_path / "out" / "own.safetensors", list[str]()
    report = run(output, tiny_checkpoint, say=words.append)
    assert [stage.input_size for stage, _ in loop] == [64, 64, 64]
    assert "6 faces to train on, 3 held out; 0 pictures show none" in words
    verify_checkpoint(output)
    written, start = load_checkpoint(output), load_checkpoint(tiny_checkpoint)
    moved = written.state["head.fc.bias"] - start.state["head.fc.bias"]
    assert torch.allclose(moved, torch.full((2,), 0.375), atol=1e-6)
    assert (report.faces, report.pictures) == (6, 300)
    record = written.contract.figures["end_to_end_training"]
    assert [row["pictures"] for row in record["stages"]] == [100, 100, 100]
    assert record["start"]["sha256"] == start.sha256
    assert written.contract.operating_points == ()
    assert written.contract.training_data[-1].pictures == 6
    assert "Until `screener calibrate` fits them to labelled videos, temperature and bias come from fakes made" in written.contract.limits
    with report.metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["1", "2", "3"]
    assert 0 <= float(rows[0]["auc"]) <= 1
    assert not output.with_name("own.safetensors.training").exists()


def test_copied_channels_are_trained_once_and_saved_once(data: Any, loop: list[Any], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "copied.safetensors", tiny_contract(architecture=WIDE, copies=FROM_TINY), tiny_network().state_dict())
    start = load_checkpoint(tmp_path / "copied.safetensors")
    run(tmp_path / "own.safetensors", tmp_path / "copied.safetensors")
    verify_checkpoint(tmp_path / "own.safetensors")
    own = load_checkpoint(tmp_path / "own.safetensors")
    assert own.contract.architecture == WIDE and own.contract.copies == FROM_TINY
    assert torch.equal(own.distinct["backbone.conv1.weight"], start.distinct["backbone.conv1.weight"])
    assert not torch.equal(own.distinct["head.fc.bias"], start.distinct["head.fc.bias"])
    run(tmp_path / "grown.safetensors", tmp_path / "copied.safetensors", replace(SETTINGS, inner_times=2))
    grown = load_checkpoint(tmp_path / "grown.safetensors").contract
    assert grown.architecture == WIDE and grown.copies.backbone == replace(FROM_TINY.backbone, inner=2)


def test_a_teacher_is_asked_and_recorded(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, real = list[Any](), end_to_end_run.train_stage
    shown = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))

    def train_stage(*given: Any, teacher: Any, **rest: Any) -> None:
        heard.append(teacher and teacher(shown)[0].tolist())
        real(*given, **rest)

    monkeypatch.setattr(end_to_end_run, "train_stage", train_stage)
    taught = replace(SETTINGS, teacher=str(tiny_checkpoint), grow=False)
    run(tmp_path / "alone.safetensors", tiny_checkpoint, replace(SETTINGS, grow=False))
    run(tmp_path / "taught.safetensors", tiny_checkpoint, taught)
    run(tmp_path / "relative.safetensors", tiny_checkpoint, replace(taught, copy_weight=1.0))
    added = replace(taught, more_teachers={str(tiny_checkpoint): 0.5})
    run(tmp_path / "added.safetensors", tiny_checkpoint, added)
    alone, crops, relative, sums = heard
    assert alone is None
    assert crops != pytest.approx(relative, abs=1e-3)
    assert sums == pytest.approx([1.5 * logit for logit in crops], abs=0.05)
    taught_by = [load_checkpoint(tmp_path / f"{name}.safetensors").contract for name in ("alone", "taught", "relative", "added")]
    records = [contract.figures["end_to_end_training"] for contract in taught_by]
    assert "teacher" not in records[0] and records[2]["settings"]["copy_weight"] == 1.0
    assert records[1]["teacher"]["sha256"] == load_checkpoint(tiny_checkpoint).sha256
    (other,) = records[3]["more_teachers"]
    assert (other["sha256"], other["times"]) == (load_checkpoint(tiny_checkpoint).sha256, 0.5)
    assert "more_teachers" not in records[3]["settings"]
    # What a reference would cost in scans is learnt.
    assert all(contract.reference == NO_REFERENCE for contract in taught_by)


def test_a_teacher_brings_its_data_and_terms_and_is_refused_where_it_would_see_other_pictures(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    school = DataSet("school", "5" * 64, 9, "for schools only")
    paths = [tmp_path / name for name in ("one.safetensors", "other.safetensors")]
    for path, licence in zip(paths, ("for schools only", "for nobody"), strict=True):
        save_checkpoint(
            path,
            replace(tiny_contract(), training_data=(school,), licence=licence, figures={"attribution": "by us"}),
            tiny_network().state_dict(),
        )
    tight = tmp_path / "tight.safetensors"
    tighter = replace(tiny_contract().preprocessing, crop_margin=1.2)
    save_checkpoint(tight, replace(tiny_contract(), preprocessing=tighter), tiny_network().state_dict())
    taught = replace(SETTINGS, teacher=str(paths[0]))
    with pytest.raises(SettingsError, match=r"^teacher: .* takes crops of 64 px and a margin of 1\.3, which not all stages"):
        run(tmp_path / "other.safetensors", tiny_checkpoint, replace(taught, crop_margin=1.2))
    with pytest.raises(SettingsError, match=r"^more_teachers: .* takes crops of a margin of 1\.3, which cannot be cut out"):
        end_to_end_run._teachers_of(replace(SETTINGS, teacher=str(tight), crop_margin=1.2, more_teachers={str(paths[1]): 1.0}))
    default = load_checkpoint()
    both = end_to_end_run._teachers_of(EndToEndSettings(teacher="default", grow=False, more_teachers={"default": 0.5}))
    assert [one.sha256 for one in both] == 2 * [default.sha256]
    run(tmp_path / "taught.safetensors", tiny_checkpoint, taught)
    written = load_checkpoint(tmp_path / "taught.safetensors").contract
    assert school in written.training_data
    assert written.figures["attribution"] == "by us"
    assert "autoencoder" not in written.figures["end_to_end_training"]["settings"]  # a place on one machine
    assert written.licence == f"{load_checkpoint(tiny_checkpoint).contract.licence}; for schools only"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(end_to_end_run, "train_stage", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "stopped.safetensors", tiny_checkpoint, taught)
    paths[1].replace(paths[0])
    with pytest.raises(SettingsError, match="unfinished run with another teacher"):
        run(tmp_path / "stopped.safetensors", tiny_checkpoint, taught)


def test_a_killed_run_goes_on_with_the_stage_it_was_in(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.safetensors"
    run(whole, tiny_checkpoint)
    loop.clear()
    killed, real = tmp_path / "killed.safetensors", end_to_end_run.train_stage

    def killed_in_the_second(state: State, stage: Stage, maker: Any, path: Path, *rest: Any, **named: Any) -> None:
        if path.name == "stage-2.pt":
            raise KeyboardInterrupt
        real(state, stage, maker, path, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(end_to_end_run, "train_stage", killed_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(killed, tiny_checkpoint)
    assert not killed.exists()
    with pytest.raises(SettingsError, match=r"unfinished run with another settings\.minutes"):
        run(killed, tiny_checkpoint, replace(SETTINGS, minutes=2.0))
    # How often it is saved may change, and leaves no trace.
    run(killed, tiny_checkpoint, replace(SETTINGS, save_every_seconds=3.0))
    # The first stage is done, the others are not.
    assert [seconds for _, seconds in loop] == [0, pytest.approx(27), 0, 0]
    one, other = load_checkpoint(killed), load_checkpoint(whole)
    assert all(torch.equal(one.state[name], other.state[name]) for name in other.state)
    assert one.contract.calibration == other.contract.calibration
    assert one.contract.figures["end_to_end_training"]["settings"] == other.contract.figures["end_to_end_training"]["settings"]


def test_without_given_splits_groups_are_held_out(data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path) -> None:
    data([item(n) for n in range(60)])
    words: list[str] = []
    report = run(tmp_path / "own.safetensors", tiny_checkpoint, say=words.append)
    assert 50 < report.faces < 60
    data([replace(item(n), group="one") for n in range(60)])
    with pytest.raises(DatasetError, match=r"^data: no validation split can be held out: 60 files fall into too few independent groups"):
        run(tmp_path / "other.safetensors", tiny_checkpoint)


def test_what_a_person_or_a_source_relates_is_held_out_together() -> None:
    items = [
        replace(item(n, label=n % 2), identities=(f"person-{n // 8}",), sources=(f"real/{n - 1}.png",) if n % 2 else ()) for n in range(240)
    ]
    sides = end_to_end_data._sides(items)
    of_person = {
        name: {side for side, one in zip(sides, items, strict=True) if one.identities == (name,)}
        for (name,) in {one.identities for one in items}
    }
    assert all(len(its) == 1 for its in of_person.values())
    assert set(sides) == {"train", "validation"}
    # Adding a person moves nobody.
    assert end_to_end_data._sides([*items, replace(item(500), identities=("new",))])[: len(items)] == sides


def test_few_groups_are_split_so_that_both_sides_have_reals() -> None:
    sides = end_to_end_data._sides([replace(item(n), group=f"group-{n // 20}") for n in range(40)])
    assert sides.count("train") == sides.count("validation") == 20


def test_pictures_that_changed_under_a_stopped_run_are_refused_by_name(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [replace(item(n, "validation" if n > 5 else "train"), path=tmp_path / f"{n}.png") for n in range(9)]
    for its in items:
        its.path.write_bytes(its.name.encode())
    data(items)
    output = tmp_path / "own.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(end_to_end_run, "train_stage", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(output, tiny_checkpoint)
    items[4].path.write_bytes(b"another picture")
    with pytest.raises(SettingsError, match=r"unfinished run on other data: real/4\.png: changed since it began"):
        run(output, tiny_checkpoint)
    items[4].path.write_bytes(items[4].name.encode())
    run(output, tiny_checkpoint)


def test_names_that_cannot_be_printed_do_not_stop_a_run_at_its_end(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    report = run(tmp_path / "my\u00a0own\u3000one.safetensors", tiny_checkpoint)
    assert load_checkpoint(report.output).contract.name == "my own one"


def test_fakes_that_are_not_used_are_said(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = {n: replace(labelled_face("fake", n, "elsewhere"), name=f"fake/{n}.png") for n in (20, 21)}
    data([*(item(n, "validation" if n > 5 else "train") for n in range(9)), *(item(n, "train", 1) for n in faces)])
    monkeypatch.setattr(
        end_to_end_data, "read_item_faces", lambda items, *_: [faces[int(i.path.stem)] if i.label else face_of(i) for i in items]
    )
    words: list[str] = []
    run(tmp_path / "own.safetensors", tiny_checkpoint, say=words.append)
    assert "2 fakes are not used: their sets have no real face to put beside them" in words


def test_each_source_of_fakes_is_judged_apart(data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path) -> None:
    data([replace(item(n, "validation" if n % 2 else "train", label), set_name="made") for n in range(12) for label in (0, 1)])
    report = run(tmp_path / "own.safetensors", tiny_checkpoint)
    assert {"auc", "auc_unmatched", "auc_self_blended", "auc_swapped"} <= report.figures.keys()
    assert all(0 <= value <= 1 for name, value in report.figures.items() if name.startswith("auc"))


def test_decoders_draw_before_the_first_stage_and_are_part_of_the_run(
    data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(end_to_end_run, "decode_faces", lambda faces, folder, kinds, *rest: heard.append((len(faces), folder.name, kinds)))
    settings = replace(SETTINGS, decoders={"swap-96": 5.0}, shares={"self_blended": 1.0})
    report = run(tmp_path / "own.safetensors", tiny_checkpoint, settings)
    assert heard == [(9, "decoded", {"swap-96": 5.0})]
    assert "auc_swapped" not in report.figures
    assert load_checkpoint(report.output).contract.figures["end_to_end_training"]["settings"]["decoders"] == {"swap-96": 5.0}


def test_what_is_no_picture_or_for_testing_is_left_out(data: Any) -> None:
    words: list[str] = []
    clip = replace(item(3), path=Path("data/real/3.mp4"))
    data([item(1), item(2, "test"), clip])
    assert [its.name for its in pictures_of(Path("data"), words.append)] == ["real/1.png"]
    assert words == ["2 of 3 files are left out: videos, or pictures of the test split"]
    data([clip])
    with pytest.raises(DatasetError, match="data: has 1 files, none of which is a picture to train on"):
        pictures_of(Path("data"), quiet)


def test_an_output_that_is_a_folder_is_refused(data: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        run(tmp_path, tiny_checkpoint)


def test_judging_leaves_the_network_as_it_is(data: Any, loop: list[Any], tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Scoring folds batch norms away: into a copy."""
    run(tmp_path / "own.safetensors", tiny_checkpoint)
    written, start = load_checkpoint(tmp_path / "own.safetensors"), load_checkpoint(tiny_checkpoint)
    assert written.contract.architecture == TINY
    name = "backbone.layer1.0.bn1.running_mean"
    assert np.allclose(written.state[name], start.state[name])
