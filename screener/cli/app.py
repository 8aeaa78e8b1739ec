"""The application that every command registers with, the options that several commands share, and the stop signals that all obey."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from screener.runtime.stop_signals import StopSignals

UsageError: Any = typer.BadParameter.__base__
"""What the parser raises for arguments that it cannot use; the library that Typer takes it from is its own affair."""

ORDER = ("scan", "live", "audit", "extract", "train", "evaluate", "calibrate", "export", "bench", "doctor", "weights", "version")
"""Of the commands in the help: the way the work goes, not the way the modules are loaded."""


class InOrder(TyperGroup):
    """A group that lists its commands in the order above, each with its whole first sentence."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in the order of `ORDER`; others come last."""
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:
        """The parser quotes arguments that it cannot use, and they may be addresses with passwords."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            from screener.video.masking import masked

            for argument in sys.argv[1:]:
                error.message = error.message.replace(argument, masked(argument))
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in the help, each with its whole first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=500)) for name in self.list_commands(ctx)])


app = typer.Typer(
    name="screener",
    cls=InOrder,
    help="Screens video for face forgery: which person, when, how sure, or why it cannot tell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
CheckpointOption = Annotated[Path | None, typer.Option("--checkpoint", help="Weights to use; the default ones ship with screener.")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]
DecoderOption = Annotated[
    str | None, typer.Option("--decoder", help="Where video files are decoded: auto (which is cpu), cpu, or cuda for an NVIDIA card.")
]

stops = StopSignals()
