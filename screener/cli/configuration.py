"""Settings of a command from a TOML file and from the options that were given."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from screener.errors import SettingsError
from screener.settings import ScanSettings

RIVALS = (("frames", "fps", "all_frames", ("budget_seconds", "until_sure")), ("fpr", "threshold"))
"""Settings of which one overrules the others; those in brackets go together."""

OPTIONS = {"budget_seconds": "budget"}
"""Settings whose option has another name."""


def scan_settings(config: Path | None, given: dict[str, Any]) -> ScanSettings:
    """Settings from the TOML file, overridden by the options that were given, and by those that answer the same question."""
    overruled: set[str] = set()
    for rivals in RIVALS:
        groups = [(group,) if isinstance(group, str) else group for group in rivals]
        chosen = [[name for name in group if name in given] for group in groups]
        chosen = [names for names in chosen if names]
        if len(chosen) > 1:
            raise SettingsError(f"choose one of {' and '.join(_option(names[0]) for names in chosen)}, not both")
        if chosen:
            overruled.update(name for group in groups for name in group)
    table = _config_table(config) if config else {}
    # Tables inside the table are other commands' settings.
    kept = {name: value for name, value in table.items() if name not in overruled and not isinstance(value, dict)}
    try:
        ScanSettings.from_mapping({name: value for name, value in kept.items() if name not in given})
    except SettingsError as error:
        raise SettingsError(f"{config}: {error}") from error
    return ScanSettings.from_mapping({**kept, **given})


def _option(name: str) -> str:
    return "--" + OPTIONS.get(name, name).replace("_", "-")


def command_table(path: Path | None, command: str) -> dict[str, Any]:
    """The settings of one command, [tool.screener.COMMAND] or [screener.COMMAND]; empty without a file or without that table."""
    table = _config_table(path).get(command, {}) if path else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: {command}: expected a table of settings, [tool.screener.{command}], got {table!r}")
    return table


def _config_table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give a TOML file with a [tool.screener] table") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    tools = content.get("tool")
    table = tools.get("screener", content.get("screener")) if isinstance(tools, dict) else content.get("screener")
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: has neither a [tool.screener] nor a [screener] table")
    return table


def one_of(chosen: dict[str, bool]) -> str:
    names = [name for name, wanted in chosen.items() if wanted]
    if len(names) > 1:
        raise SettingsError(f"choose one of --{' and --'.join(names)}, not both")
    return names[0] if names else "text"
