"""Manifests: rows as written, and a clear refusal that names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.datasets import read_manifest
from screener.errors import DatasetError


def write(folder: Path, text: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows(tmp_path: Path) -> None:
    first, second = read_manifest(write(tmp_path, "path,label,group,method,extra\na/x.mp4,fake,g1,Wav2Lip,1\nb.mp4,real,,,\n"))
    assert (first.path, first.name, first.label, first.group, first.method) == (tmp_path / "a/x.mp4", "a/x.mp4", 1, "g1", "Wav2Lip")
    # Without a group a video stands for itself.
    assert (second.label, second.group, second.split, second.method) == (0, "b.mp4", "", "")


def test_backslashes_of_a_manifest_from_windows_part_folders(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.mp4").touch()
    manifest = write(tmp_path, "path,label,group\nreal\\x.mp4,real,a\nfake\\y.mp4,fake,b\n")
    there, missing = read_manifest(manifest)
    assert (there.path, there.name) == (tmp_path / "real/x.mp4", "real\\x.mp4")
    assert missing.path == tmp_path / "fake\\y.mp4"
    (tmp_path / "real\\x.mp4").touch()  # a name that really has one, where that may be
    assert read_manifest(manifest)[0].path == tmp_path / "real\\x.mp4"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label\nx,real\n", "lacks group"),
        ("", "lacks path, label, group"),
        ("path,label,group\n", "no rows"),
        ("path,label,group\nx.mp4,real,g\ny.mp4,1,g\n", "line 3: label: expected real or fake, got '1'"),
        ("path,label,group\n,real,g\n", "line 2: has no path"),
        ("path,label,group,label\nx.mp4,real,g,fake\n", "has the column label twice"),
        ("path,label,group,Split\nx.mp4,real,g,test\n", "has the column 'Split'; write it split"),
        ("path,label,group, method\nx.mp4,fake,g,Wav2Lip\n", "has the column ' method'; write it method"),
        ("path,label,group,split\nx.mp4,real,Doe, Jane,test\n", "line 2: has more cells than the first line; put quotes around"),
        ("path,label,group\nx.mp4,real,g\n./x.mp4,fake,h\n", "line 3: path: ./x.mp4 is in line 2 already"),
        ("path,label,group\na/x.mp4,real,g\na/../a/x.mp4,real,h\n", "line 3: path: a/../a/x.mp4 is in line 2 already"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DatasetError, match=says) as refused:
        read_manifest(path)
    assert str(path) in str(refused.value)


def test_two_files_are_not_taken_for_one_because_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "another" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "another" / "deep")
    assert len(read_manifest(write(tmp_path, "path,label,group\nx.mp4,real,g\nlink/../x.mp4,fake,h\n"))) == 2
    with pytest.raises(DatasetError, match=r"line 3: path: another/x\.mp4 is in line 2 already"):
        read_manifest(write(tmp_path, "path,label,group\nlink/../x.mp4,real,g\nanother/x.mp4,fake,h\n"))


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")
