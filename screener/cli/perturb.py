"""`screener evaluate --perturb`: its options, and the evaluation of every item after each perturbation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import stops
from screener.errors import SettingsError
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.datasets import LabelledItem
    from screener.evaluation.results import Origin, Row
    from screener.evaluation.robustness import Robustness
    from screener.report import ScanProgress
    from screener.settings import ScanSettings

FOLDER = "perturbed"
"""Subfolder of the evaluation's folder for the results of each condition."""

PerturbOption = Annotated[
    str | None,
    typer.Option(
        "--perturb",
        metavar="KINDS",
        help="Also judge DATA after perturbations: all, or a comma-separated list of "
        "jpeg, webp, h264, downscale, blur, sideways, upright, noise, brightness, contrast.",
    ),
]
StrengthsOption = Annotated[str | None, typer.Option("--strengths", help="Strengths for --perturb, from 1 to 5 (1,2,3,4,5).")]


def check_perturb(kinds: str | None, strengths: str | None, rivals: dict[str, object]) -> None:
    """Raise SettingsError for invalid options. rivals: options that exclude --perturb, with their values."""
    from screener.perturbation.kinds import chosen_kinds, chosen_strengths

    if kinds is None:
        if strengths is not None:
            raise SettingsError("--strengths: only with --perturb, which names the kinds")
        return
    chosen_kinds(kinds)
    chosen_strengths(strengths)
    if also := [name for name, value in rivals.items() if value is not None]:
        raise SettingsError(f"choose one of --perturb and {also[0]}, not both; --perturb scans with one checkpoint")


def perturbed(
    items: Sequence[LabelledItem],
    settings: ScanSettings,
    checkpoint: Path | None,
    kinds: str,
    strengths: str | None,
    clean: tuple[list[Row], Origin],
    folder: Path | None,
    quiet: bool,
) -> Robustness:
    """Judge the items after each perturbation. clean: their results without one. folder: of the evaluation, to resume after a stop."""
    from screener.evaluation.perturbed_screener import PerturbedScreener
    from screener.evaluation.robustness import perturbed_evaluation
    from screener.perturbation.kinds import chosen_kinds, chosen_strengths
    from screener.report import progress_for
    from screener.runtime.files import make_folder

    def start(words: str, judged: int, waiting: int) -> ScanProgress:
        if not quiet:
            sys.stderr.write(f"{words}: {judged} of {len(items)} are judged already; {waiting} to go\n")
        return progress_for(sys.stderr, quiet, waiting)

    kept = folder / FOLDER if folder is not None else None
    if kept is not None:
        make_folder(kept)
    try:
        screener = PerturbedScreener(settings, checkpoint)
        return perturbed_evaluation(
            items, screener, start, chosen_kinds(kinds), chosen_strengths(strengths), kept, clean, stops.held_back
        )  # fmt: skip
    except (KeyboardInterrupt, Terminated):
        told = f"what was judged is kept in {kept}; the same command goes on from there" if kept else "without -o nothing was kept"
        sys.stderr.write(f"screener: {told}\n")
        raise
