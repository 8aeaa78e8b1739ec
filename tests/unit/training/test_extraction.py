"""Extraction with a tiny network: the backbone's features, correct splits, and identical bytes after any interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY_PREPROCESSING, WIDE, portrait

from screener.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from screener.datasets import LabelledItem, read_data
from screener.errors import DatasetError, DeviceError, OutputError, SettingsError
from screener.model.preprocessing import normalise
from screener.settings import ExtractSettings
from screener.training import extraction
from screener.training.extraction import ExtractionProgress, ExtractionReport, extract
from screener.training.folds import FoldRow, FoldSplit, open_folds

CROPPED = ExtractSettings(cropped=True, device="cpu", dtype="float32", batch_size=4)
"""Pictures of the network's own size that are taken as they are, so that no detector has a say."""


def pictures(root: Path, reals: int = 5, fakes: int = 6) -> list[LabelledItem]:
    for label, count in (("real", reals), ("fake", fakes)):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = portrait(100 * (label == "fake") + number, 64)
            cv2.imwrite(str(root / label / f"{label}{number}.png"), picture[..., ::-1])
    return read_data(root, "folders")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledItem]:
    return pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(tiny_checkpoint)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def expected_features(checkpoint: Checkpoint, data: Sequence[LabelledItem], rows: Sequence[FoldRow]) -> np.ndarray:
    """By the network as it is, batch norm and all, one picture at a time."""
    paths = {item.name: item.path for item in data}
    network = checkpoint.build_network()
    with torch.inference_mode():
        read = [cv2.imread(str(paths[row.name]))[..., ::-1] for row in rows]
        return np.concatenate([network.backbone(torch.from_numpy(normalise(p[None], TINY_PREPROCESSING))).numpy() for p in read])


def check_features(checkpoint: Checkpoint, data: Sequence[LabelledItem], split: FoldSplit) -> None:
    plain = np.array([i for i, row in enumerate(split.rows) if row.augmentation == 0])
    expected = expected_features(checkpoint, data, [split.rows[i] for i in plain])
    np.testing.assert_allclose(split.features[plain].astype(np.float32), expected, rtol=2e-3, atol=2e-3)


def test_one_fold(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    report = extract(data, checkpoint, CROPPED, tmp_path / "folds")
    (fold,) = open_folds(tmp_path / "folds")
    assert fold.backbone_fingerprint == checkpoint.contract.backbone_fingerprint
    assert fold.preprocessing == TINY_PREPROCESSING and fold.feature_shape == (64, 4, 4)
    assert sorted(contents(tmp_path / "folds")) == ["fold.json", "train.npy", "validation.npy"]
    assert {name: np.bincount(split.labels).tolist() for name, split in fold.splits.items()} == {"train": [4, 5], "validation": [1, 1]}
    truth = {item.name: item.label for item in data}
    rows = [row for split in fold.splits.values() for row in split.rows]
    assert {row.name: row.label for row in rows} == truth and len(rows) == len(data)
    assert all(row.seconds is None and row.augmentation == 0 and row.source == row.name for row in rows)
    for split in fold.splits.values():
        check_features(checkpoint, data, split)
    assert (report.crops, report.crops_now, report.bad_files, report.left_out) == (11, 11, [], 0)
    document = json.loads((tmp_path / "folds" / "fold.json").read_text(encoding="utf-8"))
    assert document["class_names"] == ["real", "fake"] and {row[1] for row in document["splits"]["train"]["rows"]} == {"real", "fake"}


def test_copies_are_for_training_only_and_stay_with_their_picture(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    report = extract(data, checkpoint, replace(CROPPED, augment=2), tmp_path)
    train, validation = (report.folds[0].splits[name] for name in ("train", "validation"))
    assert len(train) == 3 * 9 and len(validation) == 2
    assert {row.augmentation for row in validation.rows} == {0}
    assert not {row.name for row in train.rows} & {row.name for row in validation.rows}
    for name in {row.name for row in train.rows}:
        places = np.array([i for i, row in enumerate(train.rows) if row.name == name])
        assert [train.rows[i].augmentation for i in places] == [0, 1, 2]
        plain, *copies = train.features[places]
        assert all(np.abs(copy.astype(float) - plain).max() > 0.01 for copy in copies)
    check_features(checkpoint, data, train)


def test_several_folds_store_each_feature_once(tmp_path: Path, checkpoint: Checkpoint) -> None:
    data = pictures(tmp_path / "data", 8, 8)
    report = extract(data, checkpoint, replace(CROPPED, folds=3, test_share=0.25, augment=1), tmp_path / "folds")
    assert sorted(contents(tmp_path / "folds")) == ["features.npy", *(f"fold-{k}/fold.json" for k in (1, 2, 3)), "test.npy"]
    assert np.load(tmp_path / "folds/features.npy", mmap_mode="r").shape[0] == 2 * 12 and report.crops == 2 * 12 + 4
    assert [fold.number for fold in report.folds] == [1, 2, 3]
    held = [{row.name for row in fold.splits["validation"].rows} for fold in report.folds]
    assert not held[0] & held[1] and not held[1] & held[2] and len(set.union(*held)) == 12
    for fold, validation in zip(report.folds, held, strict=True):
        train, test = fold.splits["train"], fold.splits["test"]
        assert not {row.name for row in train.rows} & validation and len(train) == 2 * (12 - len(validation))
        assert [row.name for row in test.rows] == [row.name for row in report.folds[0].splits["test"].rows] and len(test) == 4
        assert {row.augmentation for row in (*fold.splits["validation"].rows, *test.rows)} == {0}
        for split in fold.splits.values():
            check_features(checkpoint, data, split)


def test_given_splits_stay(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    splits = ["train", "train", "validation", "test", "test"]
    given = [replace(item, split=splits[i % 5]) for i, item in enumerate(data)]
    (fold,) = extract(given, checkpoint, CROPPED, tmp_path).folds
    found = {row.name: name for name, split in fold.splits.items() for row in split.rows}
    assert found == {item.name: item.split for item in given}


class Stopped(BaseException):
    """As abrupt as an interrupt."""


def stop_after(calls: int) -> Any:
    left = iter(range(calls))

    def on_progress(progress: ExtractionProgress) -> None:
        if next(left, None) is None:
            raise Stopped

    return on_progress


@pytest.mark.parametrize("folds", [1, 2])
def test_stopped_anywhere_it_ends_with_the_same_bytes(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, folds: int
) -> None:
    monkeypatch.setattr(extraction, "COMMIT_SECONDS", 0.0)
    data = pictures(tmp_path / "data", 5, 5)
    for place in (1, 6):
        data[place].path.write_bytes(b"no picture")
    # 3 crops of a file and 4 of a batch: batches end inside files.
    settings = replace(CROPPED, augment=2, folds=folds, validation_share=0.25)
    whole = extract(data, checkpoint, settings, tmp_path / "whole")
    stops = 0
    for calls in (1, 2, 3, 1, 2, 4, 3, 2, 100):
        try:
            report = extract(data, checkpoint, settings, tmp_path / "stopped", stop_after(calls))
            break
        except Stopped:
            stops += 1
            with pytest.raises(DatasetError, match="its extraction is not finished"):
                open_folds(tmp_path / "stopped")
    assert stops > 3 and contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert report.bad_files == whole.bad_files and [bad.name for bad in report.bad_files] == [data[1].name, data[6].name]
    assert report.crops == whole.crops and 0 < report.crops_now < whole.crops_now


def test_repeating_what_is_done_does_nothing(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    settings = replace(CROPPED, folds=2)
    first = extract(data, checkpoint, settings, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = extract(data, checkpoint, settings, tmp_path, stop_after(0))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert (again.crops, again.crops_now, again.bad_files) == (first.crops, 0, first.bad_files)
    assert [list(fold.splits) for fold in again.folds] == [list(fold.splits) for fold in first.folds]


@pytest.mark.parametrize(
    ("changes", "says"), [({"seed": 3}, r"settings\.seed 0 where this one has 3"), ({"batch_size": 5}, r"settings\.batch_size 4 .* 5")]
)
@pytest.mark.parametrize("is_done", [True, False])
def test_other_settings_are_refused_by_name(
    tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint, changes: dict[str, Any], says: str, is_done: bool
) -> None:
    try:
        extract(data, checkpoint, CROPPED, tmp_path, None if is_done else stop_after(1))
    except Stopped:
        assert not is_done
    before = contents(tmp_path)
    with pytest.raises(SettingsError, match=says):
        extract(data, checkpoint, replace(CROPPED, **changes), tmp_path)
    with pytest.raises(SettingsError, match="files 11 where this one has 10"):
        extract(data[1:], checkpoint, CROPPED, tmp_path)
    assert contents(tmp_path) == before


def repainted(path: Path, seed: int = 999) -> None:
    cv2.imwrite(str(path), portrait(seed, 64)[..., ::-1])


@pytest.mark.parametrize("folds", [1, 2])
def test_another_picture_under_the_same_name_is_refused_by_name(tmp_path: Path, checkpoint: Checkpoint, folds: int) -> None:
    data, settings = pictures(tmp_path / "data", 6, 6), replace(CROPPED, folds=folds)
    extract(data, checkpoint, settings, tmp_path / "folds")
    before = contents(tmp_path / "folds")
    for item in data:
        os.utime(item.path)
    assert extract(data, checkpoint, settings, tmp_path / "folds").crops_now == 0
    times = data[3].path.stat()
    repainted(data[3].path)
    os.utime(data[3].path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(DatasetError, match=r"folds: real/real3\.png: changed since the features of it were extracted; put the files back"):
        extract(data, checkpoint, settings, tmp_path / "folds")
    assert contents(tmp_path / "folds") == before


def test_a_file_that_was_missing_and_is_there_now_is_not_passed_over(tmp_path: Path, checkpoint: Checkpoint) -> None:
    data = pictures(tmp_path / "data", 5, 5)
    away = data[2].path.rename(tmp_path / "away.png")
    extract(data, checkpoint, CROPPED, tmp_path / "folds")
    away.rename(data[2].path)
    with pytest.raises(DatasetError, match=r"real/real2\.png: changed since"):
        extract(data, checkpoint, CROPPED, tmp_path / "folds")


def test_only_what_was_read_already_must_stay_as_it_was(tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "COMMIT_SECONDS", 0.0)
    data, settings = pictures(tmp_path / "data", 6, 6), replace(CROPPED, batch_size=2)
    with pytest.raises(Stopped):
        extract(data, checkpoint, settings, tmp_path / "folds", stop_after(4))
    repainted(data[-1].path)
    extract(data, checkpoint, settings, tmp_path / "folds")
    extract(data, checkpoint, settings, tmp_path / "again")
    assert contents(tmp_path / "folds") == contents(tmp_path / "again")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pictures(tmp_path / "data")
    read = extraction.CropReader.read

    def read_and_write(reader: Any, numbers: Sequence[int]) -> Any:
        for number in numbers:
            if data[number].name == "fake/fake1.png":
                repainted(data[number].path)
            yield from read(reader, [number])

    monkeypatch.setattr(extraction.CropReader, "read", read_and_write)
    with pytest.raises(DatasetError, match=r"fake/fake1\.png: changed while it was read"):
        extract(data, checkpoint, CROPPED, tmp_path / "folds")


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    (tmp_path / "thesis.txt").write_text("chapter 1", encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty and holds no extraction; name another folder"):
        extract(data, checkpoint, CROPPED, tmp_path)
    with pytest.raises(OutputError, match="is a file; name a folder"):
        extract(data, checkpoint, CROPPED, tmp_path / "thesis.txt")
    assert contents(tmp_path) == {"thesis.txt": b"chapter 1"}


# Bad input


def test_one_class_only(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    with pytest.raises(DatasetError, match="has 5 files, and none of them is fake"):
        extract([item for item in data if not item.label], checkpoint, CROPPED, tmp_path / "folds")
    assert not (tmp_path / "folds").exists()


def test_a_split_of_one_class_is_refused_before_any_work(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    """Training would refuse it when all is extracted."""
    split = {0: "validation", 1: "train"}
    items = [replace(item, split=split[item.label] if number else "train") for number, item in enumerate(data)]
    with pytest.raises(DatasetError, match=r"fold 1, split validation: has 4 files, and none of them is fake"):
        extract(items, checkpoint, CROPPED, tmp_path / "folds")
    assert not (tmp_path / "folds").exists()


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path, checkpoint: Checkpoint) -> None:
    data = pictures(tmp_path / "data", 5, 5)
    data[0].path.unlink()
    data[7].path.write_bytes(data[7].path.read_bytes()[:100])
    seen: list[ExtractionProgress] = []
    report: ExtractionReport = extract(data, checkpoint, CROPPED, tmp_path / "folds", seen.append)
    assert [(bad.name, bad.reason, bad.crops) for bad in report.bad_files] == [(data[0].name, "not_found", 0), (data[7].name, "corrupt", 0)]
    assert report.crops == 8 and seen[-1] == ExtractionProgress(10, 10, 8, 8, 2)
    assert [p.files_done for p in seen] == sorted(p.files_done for p in seen) and seen[0].files_done == 0


def test_a_class_of_bad_files(tmp_path: Path, checkpoint: Checkpoint) -> None:
    data = pictures(tmp_path / "data", 3, 3)
    for item in data:
        if item.label:
            item.path.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"first of 3 bad files: fake/fake0\.png: .* none of them is fake"):
        extract(data, checkpoint, CROPPED, tmp_path / "folds")
    assert not list((tmp_path / "folds").glob("*.npy")) and not list((tmp_path / "folds").rglob("fold.json"))


def test_features_beyond_float16_name_the_picture(tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint) -> None:
    state = {name: tensor * 1e6 if "layer3.0.downsample.1" in name else tensor for name, tensor in checkpoint.state.items()}
    loud = Checkpoint(checkpoint.contract, state, checkpoint.path, checkpoint.sha256)
    with pytest.raises(DeviceError, match=r"real/real\d\.png: its features in float32 on cpu are no numbers that float16 can hold"):
        extract(data, loud, CROPPED, tmp_path)


def test_a_file_that_changed_while_stopped(tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "COMMIT_SECONDS", 0.0)
    data = pictures(tmp_path / "data", 4, 4)
    settings = replace(CROPPED, augment=2, batch_size=2, validation_share=0.3)
    with pytest.raises(Stopped):
        extract(data, checkpoint, settings, tmp_path / "folds", stop_after(2))
    for item in data:
        item.path.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"real/real0\.png, real/real1\.png.*: changed since the features of them were extracted"):
        extract(data, checkpoint, settings, tmp_path / "folds")


def test_a_backbone_of_few_channels_gives_all_the_features_that_its_architecture_promises(
    tmp_path: Path, data: list[LabelledItem], checkpoint: Checkpoint
) -> None:
    """The same folds, to the byte but for the names, as from the tiny network with each of its answers repeated."""
    wide = replace(checkpoint.contract, architecture=WIDE, copies=FROM_TINY)
    save_checkpoint(tmp_path / "wide.safetensors", wide, checkpoint.distinct)
    extract(data, load_checkpoint(tmp_path / "wide.safetensors"), CROPPED, tmp_path / "wide")
    extract(data, checkpoint, CROPPED, tmp_path / "thin")
    (wide_fold,), (thin_fold,) = open_folds(tmp_path / "wide"), open_folds(tmp_path / "thin")
    assert wide_fold.feature_shape == (128, 4, 4)
    for name, split in wide_fold.splits.items():
        assert np.array_equal(split.features, np.repeat(thin_fold.splits[name].features, 2, axis=1))
