"""Commands are imported when they are called; what the help says of the others is what they say themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer

from screener.cli import with_commands
from screener.cli.commands import COMMANDS
from screener.cli.perturb import PerturbOption
from screener.perturbation.kinds import PERTURBATIONS


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout


def test_every_command_is_listed_with_its_own_first_sentence() -> None:
    command = typer.main.get_command(with_commands())
    said = {name: command.commands[name].get_short_help_str(limit=500) for name in command.commands}  # type: ignore[attr-defined]
    assert said == {name: sentence for name, (_, sentence) in COMMANDS.items()}


@pytest.mark.parametrize(
    ("arguments", "imported"), [("--help", []), ("--version", []), ("version", ["inspect"]), ("config --help", ["config"])]
)
def test_only_the_module_of_the_called_command_is_imported(arguments: str, imported: list[str]) -> None:
    found = run(
        "import atexit, sys; from screener.cli.commands import COMMANDS; modules = {module for module, _ in COMMANDS.values()};"
        "atexit.register(lambda: print('imported', *sorted(name for name in modules if f'screener.cli.{name}' in sys.modules)));"
        f"sys.argv = ['screener', *{arguments.split()!r}]; from screener.cli import main; main()"
    )
    assert found.splitlines()[-1].split()[1:] == imported


def helps(group: Any, name: str = "screener") -> Iterator[tuple[str, str]]:
    """Every command with its help text."""
    yield name, " ".join((group.help or "").split())
    for inner, command in getattr(group, "commands", {}).items():
        yield from helps(command, f"{name} {inner}")


def test_help_that_states_one_exit_status_of_a_stop_states_the_other() -> None:
    stated = {name: text for name, text in helps(typer.main.get_command(with_commands())) if "130 interrupted" in text}
    assert {"screener scan", "screener live", "screener cluster work"} <= set(stated)
    assert [name for name, text in stated.items() if "130 interrupted, 143 terminated" not in text] == []


def test_the_help_of_perturb_names_every_kind() -> None:
    help_text = get_args(PerturbOption)[1].help
    assert [kind for kind in PERTURBATIONS if kind not in help_text.rstrip(".").replace(",", "").split()] == []


def test_help_is_the_same_whatever_was_imported() -> None:
    code = "import sys; {}; sys.argv = ['screener', '--help']; from screener.cli import main; main()"
    first = run(code.format("from screener.cli import with_commands; with_commands()"))
    assert first == run(code.format("pass")) and all(name in first for name in COMMANDS)
