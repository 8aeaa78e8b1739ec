"""The application that every command registers with, the options shared by several commands, and the handling of stop signals."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from screener.cli.commands import COMMANDS
from screener.runtime.stop_signals import StopSignals

UsageError: Any = typer.BadParameter.__base__
"""The parser's error for invalid arguments, found through Typer so as not to depend on the library underneath."""

NUMBERS: dict[Any, str] = {int: "a whole number", float: "a number"}


class InOrder(TyperGroup):
    """A command group that lists its commands in the order of `COMMANDS`, each with its full first sentence."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in the order of `COMMANDS`; others come last."""
        order = list(COMMANDS)
        return sorted(self.commands, key=lambda name: order.index(name) if name in order else len(order))

    def invoke(self, ctx: Any) -> Any:
        """Mask the parser's messages: they quote invalid arguments, which may be addresses with passwords."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            from screener.video.masking import masked

            error.message = _in_own_words(error, sys.argv[1:])
            for argument in sys.argv[1:]:
                error.message = error.message.replace(argument, masked(argument))
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in the help, each with its full first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=500)) for name in self.list_commands(ctx)])


def _in_own_words(error: Any, arguments: list[str]) -> str:
    """The parser's message for invalid arguments, reworded where that is clearer."""
    message, param = str(error.message), getattr(error, "param", None)
    if message.startswith("No such command") and arguments and (os.path.lexists(arguments[0]) or "://" in arguments[0]):
        return f"{arguments[0]!r} is not a command; to judge it: screener scan {shlex.quote(arguments[0])}"
    wanted = NUMBERS.get(getattr(getattr(param, "type_descriptor", None), "annotation", None))
    if wanted is None:
        return message
    lowest = getattr(param, "min", None)
    least = "" if lowest is None else f" of at least {lowest}"
    return f"expected {wanted}{least}, got {_value_of(getattr(param, 'opts', []), arguments)!r}"


def _value_of(options: list[str], arguments: list[str]) -> str:
    """The argument after an option, or after its equals sign; of an option given twice the last, which is the one that counts."""
    for argument, following in reversed(list(zip(arguments, [*arguments[1:], ""], strict=True))):
        name, equals, value = argument.partition("=")
        if name in options:
            return value if equals else following
    return ""


app = typer.Typer(
    name="screener",
    cls=InOrder,
    help="Screens video for face forgery: which person, when, how sure, or why it cannot tell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        import screener

        sys.stdout.write(f"screener {screener.__version__}\n")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Options before the command."""


def named_checkpoint(path: Path | None) -> Path | None:
    """`default` means the shipped weights, as in settings, unless there is a file of that name."""
    return None if path == Path("default") and not path.exists() else path


def checkpoint_typed(context: typer.Context) -> bool:
    """Whether --checkpoint was typed; one from the environment gives way to other options."""
    source = context.get_parameter_source("checkpoint")
    return source is not None and source.name == "COMMANDLINE"


CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        envvar="SCREENER_CHECKPOINT",
        callback=named_checkpoint,
        help="Weights to use; `default` are those that ship with screener.",
    ),
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]
DecoderOption = Annotated[
    str | None, typer.Option("--decoder", help="Decode video files on: auto (the same as cpu), cpu, or cuda for an NVIDIA card.")
]

stops = StopSignals()
