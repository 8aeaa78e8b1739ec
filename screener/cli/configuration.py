"""Settings of a command from a TOML file and from the options that were given."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from screener.errors import SettingsError
from screener.settings import ScanSettings

RIVALS = (("frames", "fps", "all_frames", ("budget_seconds", "until_sure")), ("fpr", "threshold"))
"""Settings of which one overrules the others; those in brackets go together."""

OPTIONS = {"budget_seconds": "budget"}
"""Settings whose option has another name."""


class Settings(Protocol):
    """What the settings of every command have in common."""

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Settings from a mapping; raises SettingsError naming a key that is no setting."""
        ...


S = TypeVar("S", bound=Settings)


def scan_settings(config: Path | None, given: dict[str, Any]) -> ScanSettings:
    """Settings from the TOML file, overridden by the options that were given, and by those that answer the same question."""
    table = _config_table(config) if config else {}
    # Tables inside the table are other commands' settings.
    return combined(ScanSettings, config, {name: value for name, value in table.items() if not isinstance(value, dict)}, given)


def command_settings(kind: type[S], command: str, config: Path | None, given: dict[str, Any]) -> S:
    """The same of another command, whose settings are in [tool.screener.COMMAND] or [screener.COMMAND] of the file."""
    return combined(kind, config, _command_table(config, command), given)


def combined(kind: type[S], config: Path | None, table: dict[str, Any], given: dict[str, Any]) -> S:
    """Raises SettingsError, which names the file where the fault is in it."""
    overruled = _answered(given, _option)
    kept = {name: value for name, value in table.items() if name not in overruled}
    try:
        _answered(kept, str)  # what an option has answered need not be settled in the file
        return kind.from_mapping({**kept, **given})
    except SettingsError as error:
        kind.from_mapping(given)  # raises if the fault is not the file's
        raise SettingsError(f"{config}: {error}") from error


def _answered(settings: dict[str, Any], name_of: Callable[[str], str]) -> set[str]:
    """The settings whose question some of these answer. Raises SettingsError where two of them answer one differently."""
    answered: set[str] = set()
    for rivals in RIVALS:
        groups = [(group,) if isinstance(group, str) else group for group in rivals]
        chosen = [names for names in ([name for name in group if settings.get(name, False) is not False] for group in groups) if names]
        if len(chosen) > 1:
            raise SettingsError(f"choose one of {' and '.join(name_of(names[0]) for names in chosen)}, not both")
        if chosen:
            answered.update(name for group in groups for name in group)
    return answered


def _option(name: str) -> str:
    return "--" + OPTIONS.get(name, name).replace("_", "-")


def _command_table(path: Path | None, command: str) -> dict[str, Any]:
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
    """The chosen report format, `text` where none was; raises SettingsError when several were. chosen: option name -> whether it was
    given."""
    names = [name for name, wanted in chosen.items() if wanted]
    if len(names) > 1:
        raise SettingsError(f"choose one of --{' and --'.join(names)}, not both")
    return names[0] if names else "text"
