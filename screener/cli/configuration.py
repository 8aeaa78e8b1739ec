"""Settings of a command: options over environment variables over a TOML file over what is built in.

Knows files, the environment and the kinds of settings. Does not know the commands, nor what a setting is for.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import typer

from screener.errors import SettingsError
from screener.settings import ScanSettings

RIVALS = (("frames", "fps", "all_frames", ("budget_seconds", "until_sure")), ("fpr", "threshold"))
"""Settings of which one overrules the others; those in brackets go together."""

OPTIONS = {"budget_seconds": "budget"}
"""Settings whose option has another name."""

FILE_NAME = "screener.toml"
"""Is found by itself in the working folder, else in the folder of the user's settings."""

VARIABLES = "SCREENER_"
"""How environment variables begin that hold settings: SCREENER_FRAMES, SCREENER_LIVE_WINDOW_SECONDS."""


class Settings(Protocol):
    """What the settings of every command have in common."""

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Settings from a mapping; raises SettingsError naming a key that is no setting."""
        ...


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Layer:
    """Settings that come from one place. origin: how messages name it."""

    origin: str
    values: dict[str, Any]


def scan_settings(config: Path | None, given: dict[str, Any]) -> ScanSettings:
    """Settings of a scan: a layer overrides what weaker ones say, and what they say to the same question.

    config: the file, where one was named. given: the options. Raises SettingsError, which names the layer in which the fault is.
    """
    return combined(ScanSettings, layers(ScanSettings, "", config), given)


def command_settings(kind: type[S], command: str, config: Path | None, given: dict[str, Any]) -> S:
    """The same of another command, whose settings are in [tool.screener.COMMAND] or [screener.COMMAND] of the file."""
    return combined(kind, layers(kind, command, config), given)


def layers(kind: type[S], command: str, config: Path | None) -> list[Layer]:
    """What the file and the environment say, weakest first. command: empty for a scan. Raises SettingsError."""
    found = []
    if path := config or found_file():
        if config is None and path.name == os.fspath(path):
            # Whoever scans in a folder of others' files should know that it steers the scan.
            sys.stderr.write(f"screener: settings from {path} in this folder\n")
        found.append(Layer(str(path), _command_table(path, command)))
    found.append(_environment(kind, command))
    return found


def found_file() -> Path | None:
    """The settings file that is found by itself, None where there is none."""
    for path in (Path(FILE_NAME), Path(typer.get_app_dir("screener")) / FILE_NAME):
        if path.is_file():
            return path
    return None


def combined(kind: type[S], weaker: Sequence[Layer], given: dict[str, Any]) -> S:
    """One kind of settings from layers, weakest first, and what overrides them all. Raises SettingsError."""
    kept = dict(given)
    settled = _answered(kept, _option)
    for layer in reversed(weaker):
        fresh = {name: value for name, value in layer.values.items() if name not in kept and name not in settled}
        try:
            settled |= _answered(fresh, str)
            kind.from_mapping({**fresh, **kept})
        except SettingsError as error:
            kind.from_mapping(kept)  # raises if the fault is not this layer's
            raise SettingsError(f"{layer.origin}: {error}") from error
        kept = {**fresh, **kept}
    return kind.from_mapping(kept)


def origins(kind: type[S], weaker: Sequence[Layer]) -> dict[str, str]:
    """Setting -> origin of the layer that decides it; what is not in it has its built-in value."""
    decided: dict[str, str] = {}
    settled: set[str] = set()
    for layer in reversed(weaker):
        fresh = {name: value for name, value in layer.values.items() if name not in decided and name not in settled}
        settled |= _answered(fresh, str)
        decided |= dict.fromkeys(fresh, layer.origin)
    return decided


def _environment(kind: type[Any], command: str) -> Layer:
    """A value is written as in TOML; what is no TOML is text."""
    prefix = VARIABLES + (f"{command.upper().replace('-', '_')}_" if command else "")
    said = {field.name: os.environ[prefix + field.name.upper()] for field in fields(kind) if prefix + field.name.upper() in os.environ}
    names = ", ".join(prefix + name.upper() for name in sorted(said))
    return Layer(f"environment ({names})", {name: _value(text) for name, text in said.items()})


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


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


def _command_table(path: Path, command: str) -> dict[str, Any]:
    """The settings of one command, [tool.screener.COMMAND] or [screener.COMMAND]; those of a scan lie in the outer table."""
    table = _config_table(path)
    if not command:
        return {name: value for name, value in table.items() if not isinstance(value, dict)}
    inner = table.get(command, {})
    if not isinstance(inner, dict):
        raise SettingsError(f"{path}: {command}: expected a table of settings, [tool.screener.{command}], got {inner!r}")
    return inner


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
