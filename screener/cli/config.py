"""The config command: a settings file to start from, and the settings in effect with their origins."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from screener.cli.app import InOrder, app
from screener.cli.configuration import FILE_NAME, combined, layers, origins
from screener.cli.exits import exits
from screener.errors import OutputError, SettingsError
from screener.settings import PRESETS, ClusterSettings, EndToEndSettings, ExtractSettings, LiveSettings, ScanSettings, TrainSettings

KINDS: dict[str, Any] = {
    "scan": ScanSettings,
    "live": LiveSettings,
    "cluster": ClusterSettings,
    "extract": ExtractSettings,
    "train": TrainSettings,
    "end-to-end": EndToEndSettings,
}
"""Commands with settings; those of `scan` are in the outer table of a file."""

config_app = typer.Typer(
    cls=InOrder, help="Settings: write a settings file, or show the settings in effect.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(config_app, name="config")


@config_app.command("init")
def config_init(path: Annotated[Path, typer.Argument(help="The file to write.")] = Path(FILE_NAME)) -> None:
    """Write a settings file that lists every setting with its meaning and its default, commented out."""
    with exits():
        from screener.runtime.files import write_whole

        if path.exists():
            raise OutputError(f"{path}: already exists; name another file, or move it away")
        write_whole(path, "".join(f"{line}\n" for line in template()))
        sys.stderr.write(f"screener: written: {path}\n")


@config_app.command("show")
def config_show(
    command: Annotated[str, typer.Argument(metavar="[COMMAND]", help=f"One of {', '.join(KINDS)}.")] = "scan",
    config: Annotated[Path | None, typer.Option("--config", help="TOML file; by default the one found automatically.")] = None,
) -> None:
    """Print the settings a command would run with here, and where each comes from."""
    with exits():
        if command not in KINDS:
            raise SettingsError(f"{command}: has no settings; name one of {', '.join(KINDS)}")
        kind = KINDS[command]
        weaker = layers(kind, "" if command == "scan" else command, config)
        settings, decided = combined(kind, weaker, {}), origins(kind, weaker)
        if isinstance(settings, TrainSettings):
            decided = {**dict.fromkeys(PRESETS[settings.preset], f"preset {settings.preset}"), **decided}
        rows = [(field.name, written(getattr(settings, field.name)), decided.get(field.name, "built in")) for field in fields(kind)]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        sys.stdout.write("".join(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}\n" for name, value, origin in rows))


def template() -> Iterator[str]:
    """Lines of a settings file that changes nothing."""
    yield "# Settings of screener. Environment variables (such as SCREENER_FRAMES) and options override what is set here."
    for command, kind in KINDS.items():
        yield ""
        yield f"[screener{'' if command == 'scan' else '.' + command}]"
        yield from (f"# {line}".rstrip() for line in (inspect.getdoc(kind) or "").splitlines())
        yield "#"
        defaults = kind()
        for field in fields(kind):
            yield f"# {field.name} = {written(getattr(defaults, field.name))}"


def written(value: Any) -> str:
    """A value in TOML syntax; `none` for an unset setting, which TOML cannot express."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {written(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value)
