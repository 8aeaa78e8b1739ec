"""The hash of a file, also with a time limit."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from screener.runtime.file_hash import HashAhead, sha256_of


def test_both_ways_give_the_hash_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(os.urandom(3_000_000))
    ahead = HashAhead(path)
    ahead.wait()
    assert ahead.result() == sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_no_file_has_none(tmp_path: Path) -> None:
    for path in (None, tmp_path, tmp_path / "missing"):
        ahead = HashAhead(path)
        ahead.wait()
        assert ahead.result() is None


def test_it_can_be_given_up(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    with path.open("wb") as file:
        file.truncate(64 << 30)  # a hole of a file: hashing it would take minutes
    ahead = HashAhead(path)
    ahead.wait(0.01)
    ahead.close()
    ahead.wait()
    assert ahead.result() is None


def test_a_name_that_the_system_refuses_has_none(tmp_path: Path) -> None:
    """As a folder that may be listed and not entered, which stops everyone but the administrator."""
    path = tmp_path / ("x" * 300)
    ahead = HashAhead(path)
    ahead.wait()
    assert ahead.result() is None and sha256_of(path) is None
