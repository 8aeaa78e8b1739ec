"""Refusals name what the user typed: an option, or the setting of a file or of the environment."""

from __future__ import annotations

from dataclasses import fields

import pytest
import typer

from screener.cli import with_commands
from screener.cli.config import KINDS
from screener.cli.option_names import OTHERWISE_NAMED, as_typed, option_of
from screener.serve.options import ServeOptions
from screener.settings.audit import AuditSettings


@pytest.mark.parametrize(
    ("refusal", "arguments", "said"),
    [
        ("auc_bound: expected a number", ["audit", "data", "--bound", "2"], "--bound: expected a number"),
        ("budget_seconds: expected a number", ["scan", "x", "--budget=0"], "--budget: expected a number"),
        ("min_face_px: expected a number", ["scan", "x", "--min-face-px", "1"], "--min-face-px: expected a number"),
        ("limit per method: expected at least 1", ["evaluate", "--limit-per-method", "0"], "--limit-per-method: expected at least 1"),
        ("decoders.swap-96: expected a number", ["train", "--decoder", "swap-96=0"], "--decoder swap-96: expected a number"),
        ("validation_share and test_share: expected", ["--test-share", "1"], "validation_share and --test-share: expected"),
        ("min_seconds: expected a number", ["live", "--window", "1"], "min_seconds: expected a number"),
        ("screener.toml: fps: expected a number", ["scan", "x", "--fps", "1"], "screener.toml: fps: expected a number"),
        ("config.toml: not valid TOML: no", ["scan", "x", "--config", "config.toml"], "config.toml: not valid TOML: no"),
        ("config: cannot be read: no", ["scan", "x", "--config", "./config"], "config: cannot be read: no"),
        ("decoders.toml: not valid TOML", ["--decoder", "swap", "--config=decoders.toml"], "decoders.toml: not valid TOML"),
        ("folds: holds another extraction", ["extract", "x", "-o", "folds/", "--folds", "5"], "folds: holds another extraction"),
        ("frames: expected at least 1", ["scan", "frames", "--frames", "0"], "--frames: expected at least 1"),
        ("choose one of --fps and --frames, not both", ["--fps", "1"], "choose one of --fps and --frames, not both"),
    ],
)
def test_a_setting_is_named_by_the_option_that_was_typed(refusal: str, arguments: list[str], said: str) -> None:
    assert as_typed(refusal, arguments) == said


def test_options_of_other_names_and_their_settings_exist() -> None:
    commands = typer.main.get_command(with_commands()).commands.values()  # type: ignore[attr-defined]
    options = {option for command in commands for parameter in command.params for option in parameter.opts}
    assert {option_of(setting) for setting in OTHERWISE_NAMED} <= options
    settings = {item.name for kind in (*KINDS.values(), AuditSettings, ServeOptions) for item in fields(kind)}
    assert set(OTHERWISE_NAMED) <= settings
