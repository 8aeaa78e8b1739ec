"""`screener audit` on generated data sets, good and bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import portrait
from command_line import Ended, run_here
from face_media import write_clip, write_picture

PICTURES = 60

Saved = Callable[[int], list[int]]


def write_set(root: Path, real: int = 90, fake: int = 90) -> Path:
    """A picture for each group, its number told by its content; JPEG quality by label."""
    for label, quality, first in (("real", real, 0), ("fake", fake, PICTURES)):
        (root / label).mkdir(parents=True)
        for number in range(first, first + PICTURES):
            picture = portrait(number, 48)[..., ::-1]
            cv2.imwrite(str(root / label / f"{label}{number:03}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return root


def audited(*arguments: str | Path) -> Ended:
    return run_here("audit", *arguments)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def confounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("confounded"), real=92, fake=70)


def test_a_clean_set_passes_the_strict(clean: Path) -> None:
    ended = audited(clean, "--strict")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("60 real and 60 fake files\n")
    assert ended.out.endswith("Nothing found that would invalidate training or testing.\n")


def test_a_confound_is_warned_of_and_stops_the_strict(confounded: Path) -> None:
    ended = audited(confounded)
    assert (ended.status, ended.err) == (0, "")
    assert "WARNING: The JPEG quality alone predicts the label: AUC 1.00 [1.00-1.00]; typically 92 in reals, 70 in fakes." in ended.out
    (row,) = (line for line in ended.out.splitlines() if line.startswith("  jpeg_quality"))
    assert row.split() == ["jpeg_quality", "1.00", "1.00-1.00", "92", "70", "<-", "0.65", "or", "more"]
    strict = audited(confounded, "--strict")
    assert strict.status == 2
    assert strict.out == ended.out
    assert strict.err.startswith("screener: the audit found ") and "The JPEG quality alone predicts the label" in strict.err
    assert "\\n" not in strict.err


def test_the_json_has_everything(confounded: Path) -> None:
    ended = audited(confounded, "--json")
    document = json.loads(ended.out)
    found = {one["fact"]: one["auc"] for one in document["confounds"]}
    assert found["jpeg_quality"] == found["jpeg_tables"] == found["together"] == 1.0
    assert "container" not in found
    assert document["clean"] is False and document["leaks"] == []


def test_leaks_between_given_splits(tmp_path: Path) -> None:
    """Identical, recompressed and merely listed relations between two splits; each found once."""
    write_set(tmp_path)
    (tmp_path / "real" / "copy.jpg").write_bytes((tmp_path / "real" / "real000.jpg").read_bytes())
    again = cv2.imread(str(tmp_path / "real" / "real001.jpg"))
    cv2.imwrite(str(tmp_path / "real" / "again.png"), cv2.resize(again, (36, 36), interpolation=cv2.INTER_AREA))
    rows = ["path,label,group,split,source_video"]
    rows += [f"real/real{n:03}.jpg,real,r{n},train," for n in range(PICTURES)]
    rows += [
        f"fake/fake{n:03}.jpg,fake,f{n},{'test' if n == 60 else 'train'},{'real/real005.jpg' if n == 60 else ''}" for n in range(60, 120)
    ]
    rows += ["real/copy.jpg,real,copy,test,", "real/again.png,real,again,test,"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    document = json.loads(audited(tmp_path / "manifest.csv", "--json").out)
    assert {leak["kind"]: sorted(leak["names"]) for leak in document["leaks"]} == {
        "source": ["fake/fake060.jpg", "real/real005.jpg"],
        "file": ["real/copy.jpg", "real/real000.jpg"],
        "picture": ["real/again.png", "real/real001.jpg"],
    }
    ended = audited(tmp_path / "manifest.csv")
    assert (
        "1 source is in more than one split, such as real/real005.jpg of real/real005.jpg (train) and fake/fake060.jpg (test)." in ended.out
    )
    assert "  test                2 real         1 fake\n" in ended.out
    assert audited(tmp_path, "--strict", "--layout", "manifest").status == 2


def test_files_that_cannot_be_read_are_counted_and_named(clean: Path, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        (tmp_path / label).symlink_to(clean / label)
    whole = (clean / "real" / "real000.jpg").read_bytes()
    broken = tmp_path / "more"
    for name, content in (("empty.jpg", b""), ("text.jpg", b"no picture at all\n"), ("cut.jpg", whole[: len(whole) // 30])):
        (broken / "real").mkdir(parents=True, exist_ok=True)
        (broken / "real" / name).write_bytes(content)
    rows = ["path,label,group"] + [f"{file},{file.parent.name},{file.stem}" for file in sorted(tmp_path.glob("*/*.jpg"))]
    rows += [f"{file},real,{file.stem}" for file in sorted(broken.glob("real/*.jpg"))] + ["missing.mp4,fake,missing"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    document = json.loads(audited(tmp_path / "list.csv", "--json").out)
    reasons = {Path(one["name"]).name: one["reasons"] for one in document["unreadable"]}
    assert reasons == {"empty.jpg": ["empty"], "text.jpg": ["not_media"], "cut.jpg": ["corrupt"], "missing.mp4": ["not_found"]}
    assert document["warnings"][0].startswith("4 files could not be read and were left out, such as ")


def test_videos_and_the_picture_in_their_middle(tmp_path: Path) -> None:
    """Two encodings of one scene are near copies; fakes are in another container than reals."""
    lines = ["path,label,group"]
    for number in range(10):
        for label, suffix in (("real", "mp4"), ("fake", "avi")):
            scene = portrait(number + 10 * (label == "fake"), 64)
            path = tmp_path / f"{label}{number}.{suffix}"
            write_clip(path, lambda n, scene=scene: np.roll(scene, n, 1), frames=5)  # type: ignore[misc]
            lines.append(f"{path.name},{label},{path.stem}")
    write_clip(tmp_path / "copy.mkv", lambda n: np.roll(portrait(3, 64), n, 1), frames=5)
    (tmp_path / "list.csv").write_text("\n".join([*lines, "copy.mkv,real,copy"]) + "\n", encoding="utf-8")
    document = json.loads(audited(tmp_path / "list.csv", "--json").out)
    assert [(leak["kind"], sorted(leak["names"])) for leak in document["leaks"]] == [("picture", ["copy.mkv", "real3.mp4"])]
    found = {one["fact"]: (one["auc"], one["typical"]) for one in document["confounds"]}
    assert found["container"] == (1.0, ["mov/mp4 (91 %)", "avi"])
    assert "codec" not in found


def test_a_layout_that_does_not_fit_is_refused(clean: Path) -> None:
    ended = audited(clean, "--layout", "dfdc")
    assert ended.status == 2 and "metadata.json" in ended.err


def test_a_bound_that_makes_no_sense_is_refused(clean: Path) -> None:
    ended = audited(clean, "--bound", "1.5")
    assert (ended.status, ended.err) == (2, "screener: --bound: expected a number from 0.5 to 1, got 1.5\n")


def test_names_are_shown_safely(tmp_path: Path) -> None:
    write_set(tmp_path)
    same = write_picture(tmp_path / "real" / "x\x1b[31m.png", portrait(500, 48))
    (tmp_path / "real" / "y.png").write_bytes(same.read_bytes())
    ended = audited(tmp_path)
    assert "\x1b" not in ended.out and "x\\x1b[31m.png" in ended.out
