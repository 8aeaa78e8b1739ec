"""Settings of a command. Options override environment variables, which override a TOML file, which overrides the defaults.

Knows files, the environment and the settings classes. Does not know the commands, nor what a setting is for.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import typer

from screener.cli.option_names import option_of
from screener.errors import SettingsError
from screener.settings import ScanSettings

RIVALS = (("frames", "fps", "all_frames", ("budget_seconds", "until_sure")), ("fpr", "threshold"))
"""Mutually exclusive settings; those in brackets belong together."""

FILE_NAME = "screener.toml"
"""Looked for in the working directory, then in the user's configuration folder."""

VARIABLES = "SCREENER_"
"""Prefix of environment variables with settings: SCREENER_FRAMES, SCREENER_LIVE_WINDOW_SECONDS."""

TABLES = ("live", "cluster", "extract", "train", "end-to-end")
"""Commands whose settings have a table of their own in a file, and a longer prefix; those of a scan are in the outer table."""

CLOSENESS = 0.8
"""Minimum `difflib` ratio at which the end of an unknown variable counts as a misspelling of a setting."""


class Settings(Protocol):
    """The interface of every settings class."""

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Settings from a mapping; raises SettingsError naming an unknown key."""
        ...


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Layer:
    """Settings from one source. origin: its name in messages."""

    origin: str
    values: dict[str, Any]


def scan_settings(config: Path | None, given: dict[str, Any]) -> ScanSettings:
    """Settings of a scan. A layer overrides weaker layers, including their settings that exclude its own.

    config: the file given, if any. given: the options. Raises SettingsError naming the layer with the error.
    """
    return combined(ScanSettings, layers(ScanSettings, "", config), given)


def command_settings(kind: type[S], command: str, config: Path | None, given: dict[str, Any]) -> S:
    """The same for another command, whose settings are in [tool.screener.COMMAND] or [screener.COMMAND] of the file."""
    return combined(kind, layers(kind, command, config), given)


def layers(kind: type[S], command: str, config: Path | None) -> list[Layer]:
    """The layers of file and environment, weakest first. command: empty for a scan. Raises SettingsError."""
    found = []
    if path := config or found_file():
        if config is None and path.name == os.fspath(path):
            # Say so, because someone who scans a folder of other people's files may not expect settings there.
            sys.stderr.write(f"screener: settings from {path} in this folder\n")
        found.append(Layer(str(path), _command_table(path, command)))
    found.append(_environment(kind, command))
    return found


def found_file() -> Path | None:
    """The settings file found automatically, or None."""
    for path in (Path(FILE_NAME), Path(typer.get_app_dir("screener")) / FILE_NAME):
        if path.is_file():
            return path
    return None


def combined(kind: type[S], weaker: Sequence[Layer], given: dict[str, Any]) -> S:
    """Settings from layers, weakest first, and the options, which override all layers. Raises SettingsError."""
    kept = dict(given)
    settled = _answered(kept, option_of)
    for layer in reversed(weaker):
        fresh = {name: value for name, value in layer.values.items() if name not in kept and name not in settled}
        try:
            settled |= _answered(fresh, str)
            kind.from_mapping({**fresh, **kept})
        except SettingsError as error:
            kind.from_mapping(kept)  # raises here if a stronger layer is at fault
            raise SettingsError(f"{layer.origin}: {error}") from error
        kept = {**fresh, **kept}
    return kind.from_mapping(kept)


def origins(kind: type[S], weaker: Sequence[Layer]) -> dict[str, str]:
    """Setting -> origin of the layer that decides it; settings not in it have their default."""
    decided: dict[str, str] = {}
    settled: set[str] = set()
    for layer in reversed(weaker):
        fresh = {name: value for name, value in layer.values.items() if name not in decided and name not in settled}
        settled |= _answered(fresh, str)
        decided |= dict.fromkeys(fresh, layer.origin)
    return decided


def _environment(kind: type[Any], command: str) -> Layer:
    """The environment's layer. Values are parsed as TOML; what is not valid TOML is text."""
    prefix = _prefix(command)
    variables = {prefix + field.name.upper(): field.name for field in fields(kind)}
    said = {name: os.environ[variable] for variable, name in variables.items() if variable in os.environ}
    names = ", ".join(prefix + name.upper() for name in sorted(said))
    for variable, meant in _unknown(prefix, list(variables)):
        from screener.report.wording import visible

        advice = f"; did you mean {meant}?" if meant else ""
        sys.stderr.write(f"screener: {visible(variable)} is no setting and has no effect{advice}\n")
    return Layer(f"environment ({names})", {name: _value(text) for name, text in said.items()})


def _prefix(command: str) -> str:
    return VARIABLES + (f"{command.upper().replace('-', '_')}_" if command else "")


def _unknown(prefix: str, known: list[str]) -> Iterator[tuple[str, str]]:
    """Variables that set nothing, each with the one that was probably meant, if any.

    Of those with the short prefix only misspellings, because others may be anybody's.
    """
    tables = () if prefix != VARIABLES else tuple(_prefix(command) for command in TABLES)
    ends = [name.removeprefix(prefix) for name in known]
    for variable in sorted(os.environ):
        if variable.startswith(prefix) and variable not in known and not variable.startswith(tables):
            meant = get_close_matches(variable.removeprefix(prefix), ends, 1, CLOSENESS)
            if meant or prefix != VARIABLES:
                yield variable, prefix + meant[0] if meant else ""


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _answered(settings: dict[str, Any], name_of: Callable[[str], str]) -> set[str]:
    """The settings that these decide, each with its rivals. Raises SettingsError if two of them exclude each other."""
    answered: set[str] = set()
    for rivals in RIVALS:
        groups = [(group,) if isinstance(group, str) else group for group in rivals]
        chosen = [names for names in ([name for name in group if settings.get(name, False) is not False] for group in groups) if names]
        if len(chosen) > 1:
            raise SettingsError(f"choose one of {' and '.join(name_of(names[0]) for names in chosen)}, not both")
        if chosen:
            answered.update(name for group in groups for name in group)
    return answered


def _command_table(path: Path, command: str) -> dict[str, Any]:
    """The settings of one command, [tool.screener.COMMAND] or [screener.COMMAND]; those of `scan` are in the outer table."""
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
    _refuse_arrays_of_tables(path, table)
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: has neither a [tool.screener] nor a [screener] table")
    if unknown := sorted(name for name, value in table.items() if isinstance(value, dict) and name not in TABLES):
        meant = get_close_matches(unknown[0], TABLES, 1)
        advice = f"did you mean {meant[0]}?" if meant else f"those of scan are in [screener] itself, others in {', '.join(TABLES)}"
        raise SettingsError(f"{path}: {unknown[0]}: no command has settings in a table of that name; {advice}")
    return table


def _refuse_arrays_of_tables(path: Path, table: Any) -> None:
    """Raise SettingsError for [[screener]] and [[screener.COMMAND]]: only the command of that name would notice."""
    inner = table if isinstance(table, dict) else {}
    for name, value in {"screener": table, **inner}.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            raise SettingsError(f"{path}: [[...{name}]] begins an array of tables, in which nothing is read; write it in single brackets")


def one_of(chosen: dict[str, bool]) -> str:
    """The chosen report format, `text` by default. Raises SettingsError for several. chosen: option name -> whether it was given."""
    names = [name for name, wanted in chosen.items() if wanted]
    if len(names) > 1:
        raise SettingsError(f"choose one of --{' and --'.join(names)}, not both")
    return names[0] if names else "text"
