"""Every published recipe is valid in this version."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from screener.settings import EndToEndSettings

RECIPES = sorted((Path(__file__).parents[3] / "weights" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_settings(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["screener"]["end-to-end"]
    named = {"autoencoder": "folder", "teacher": "own.safetensors"}  # files, which the command names
    settings = EndToEndSettings.from_mapping({**table, **named})
    assert settings.to_dict() == {**EndToEndSettings().to_dict(), **table, **named} | {
        name: tuple(value) for name, value in table.items() if isinstance(value, list)
    }


def test_there_is_a_recipe() -> None:
    assert RECIPES
