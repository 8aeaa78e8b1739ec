"""Every script that can be started says what it does when it is asked with `--help`, and starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[3] / "scripts").glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_takes_its_arguments_with_a_parser(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert 'if __name__ == "__main__":' not in text or "ArgumentParser(" in text
