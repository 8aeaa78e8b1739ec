"""The state folder: used by one server, on a local disk, with private secrets, and without orphaned files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from screener.errors import OutputError, SettingsError
from screener.serve import state_folder
from screener.serve.state_folder import StateFolder, file_system_of

MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:40 / /mnt/share rw - nfs4 host:/share rw
41 22 0:41 / /mnt/share/local rw - xfs /dev/vdb rw
42 22 0:42 / /mnt/with\040space rw - cifs //host/x rw
"""


def test_the_kind_of_a_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.lstrip())
    kinds = {"/home/x": "ext4", "/mnt/share": "nfs4", "/mnt/share/a": "nfs4", "/mnt/shared": "ext4", "/mnt/share/local/a": "xfs"}
    assert {path: file_system_of(Path(path), mounts) for path in kinds} == kinds
    assert file_system_of(Path("/mnt/with space/state"), mounts) == "cifs"
    assert file_system_of(Path("/home"), tmp_path / "missing") == ""


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_folder, "file_system_of", lambda path: "nfs4")
    with pytest.raises(SettingsError, match="network file system"):
        StateFolder(tmp_path / "state")


def test_a_folder_is_of_one_server_at_a_time(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"), pytest.raises(OutputError, match="at work in it"):
        StateFolder(tmp_path / "state")
    with StateFolder(tmp_path / "state") as again:
        assert stat.S_IMODE(again.path.stat().st_mode) == 0o700


def test_a_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as folder:
        first = folder.secret("token")
        assert folder.secret("token") == first and len(first) >= 40 and folder.secret("other", "whsec_").startswith("whsec_")
        assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_what_belongs_to_nothing_is_swept(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as folder:
        for place in (folder.scans / "kept", folder.scans / "gone"):
            (place / "crops").mkdir(parents=True)
        for name in ("kept.mp4", "gone.mp4"):
            (folder.uploads / name).write_bytes(b"x")
        folder.sweep(["kept"], ["kept.mp4"])
        assert [path.name for path in folder.scans.iterdir()] == ["kept"]
        assert [path.name for path in folder.uploads.iterdir()] == ["kept.mp4"]
