"""The model card of a checkpoint, as Markdown, generated from its contract and an evaluation; nothing in it is written by hand.

Decides the content of the card; the template decides its layout. Does not compute figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from screener.checkpoint import Checkpoint, Contract, Measured, localisation_of
from screener.checkpoint.description import architecture_in_words
from screener.checkpoint.json_fields import printable
from screener.checkpoint.localisation import FIGURE as LOCALISATION
from screener.checkpoint.localisation import RULE
from screener.checkpoint.saving import SAME_WEIGHTS
from screener.errors import CheckpointError
from screener.evaluation import wording
from screener.evaluation.figures import FIGURE_NAMES, KINDS, Evaluation, Figure, Tally
from screener.evaluation.held_out import HELD_OUT_NAMES
from screener.evaluation.recalibration import CALIBRATION
from screener.evaluation.weaknesses import Weakness, weaknesses_of
from screener.report.wording import capitalised, spelt_out, visible
from screener.runtime.files import write_whole

RECIPE = "recipe"
"""Key in a contract's figures for the description of how the weights were made."""

NO_RECORDS = (RECIPE, CALIBRATION, LOCALISATION, SAME_WEIGHTS)
"""Keys in a contract's figures that are not training records."""

FEW_VIDEOS = 200
"""With fewer videos the card adds a warning."""


@dataclass(frozen=True)
class Card:
    """Everything that the template shows."""

    contract: Contract
    evaluation: Evaluation
    weights: str
    recipe: tuple[str, ...]
    subject: str
    coverage: str
    caution: str
    weaknesses: tuple[Weakness, ...]
    threshold: str
    flatters: str
    outcomes: tuple[tuple[str, Tally], ...]
    located: str


def write_model_card(evaluation: Evaluation, checkpoint: Checkpoint, path: Path) -> None:
    """Write the card of a checkpoint from its evaluation, atomically. Raises CheckpointError if the two do not belong together."""
    write_whole(path, model_card(evaluation, checkpoint))


def model_card(evaluation: Evaluation, checkpoint: Checkpoint) -> str:
    """The whole card as text. Raises CheckpointError if the evaluation is of another checkpoint."""
    if evaluation.checkpoint["sha256"] != checkpoint.sha256:
        raise CheckpointError(
            f"model card: the evaluation is of the checkpoint {evaluation.checkpoint['sha256'][:16]}, not of {checkpoint.contract.name!r}, "
            f"{checkpoint.sha256[:16]}; name the one that was evaluated with --checkpoint"
        )
    return _environment().get_template("model_card.md.j2").render(card=_card(evaluation, checkpoint))


def _card(evaluation: Evaluation, checkpoint: Checkpoint) -> Card:
    contract = checkpoint.contract
    few = evaluation.data.items < FEW_VIDEOS
    families = evaluation.slices.get("family", ())
    return Card(
        contract=contract,
        evaluation=evaluation,
        weights=_weights(checkpoint),
        recipe=tuple(_recipe(contract)),
        subject=visible(capitalised(wording.subject(evaluation))),
        coverage=wording.coverage(evaluation),
        caution="So few videos say little: read the intervals." if few else "",
        weaknesses=tuple(weaknesses_of(evaluation)),
        threshold=wording.weights(evaluation),
        flatters=_flatters(contract, evaluation),
        outcomes=(("real", evaluation.headline.real_outcomes), *((part.name, part.fake_outcomes) for part in families)),
        located=_located(contract),
    )


def _weights(checkpoint: Checkpoint) -> str:
    contract = checkpoint.contract
    size = f", {checkpoint.path.stat().st_size / 1e6:.1f} MB" if checkpoint.path is not None and checkpoint.path.is_file() else ""
    return (
        f"{architecture_in_words(contract)}, split at {contract.split_point}{size}, sha256 `{checkpoint.sha256}`, made by screener "
        f"{contract.code_version}."
    )


def _recipe(contract: Contract) -> Iterator[str]:
    """The recipe in words, then every training record in the contract."""
    if contract.figures.get(RECIPE):
        yield str(contract.figures[RECIPE])
    for name, record in contract.figures.items():
        if name not in NO_RECORDS:
            yield f"{capitalised(name.replace('_', ' '))}: {_in_words(record)}."


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = [f"{str(key).replace('_', ' ')} {_in_words(item)}" for key, item in value.items()]
        return (
            ", ".join(f"({part})" if isinstance(item, Mapping) else part for part, item in zip(parts, value.values(), strict=True))
            or "none"
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_words, value)) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not set"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _flatters(contract: Contract, evaluation: Evaluation) -> str:
    """Whether outcomes are optimistic because the operating point was chosen on the same videos."""
    found = contract.figures.get(CALIBRATION)
    record = found if isinstance(found, Mapping) else {}
    chosen_on, splits, data = str(record.get("data", "")), _names(record.get("splits")), evaluation.data
    # Without splits on either side it may be any part of the data, so all of it.
    overlaps = not splits or not data.splits or set(splits) & set(data.splits)
    if chosen_on and chosen_on == printable(data.name) and overlaps:
        return " (chosen on these same videos, so this table flatters; the held-out figures above do not)"
    part = f" ({', '.join(splits)})" if splits else ""
    return f" (chosen on {visible(chosen_on + part)})" if chosen_on else " (if it was chosen on these same videos, this table flatters)"


def _names(value: Any) -> list[str]:
    """A list of names in a free-form record; empty if it is none."""
    return list(map(str, value)) if isinstance(value, (list, tuple)) else []


def _located(contract: Contract) -> str:
    found = localisation_of(contract.figures)
    if found is None:
        return ""
    shown = "Reports show it" if found.earned else "Reports do not show it"
    return (
        f"On {found.pictures:,} self-blended pictures that training never saw, the map of the blended region has a pixel AUC of "
        f"{_measured(found.pixel_auc)} and overlaps the true region by {_measured(found.overlap)}; the best map that is the same for every "
        f"face overlaps by {_measured(found.fixed_overlap)}. {shown}: the rule is that {RULE}."
    )


def _measured(figure: Measured) -> str:
    return wording.with_interval(Figure(figure.value, (figure.low, figure.high)))


def _cell(text: str) -> str:
    """Text for a table cell: on one line, with the cell separator escaped."""
    return visible(text).replace("|", "\\|")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("screener.evaluation", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": wording.number,
        "with_interval": wording.with_interval,
        "shown_by": wording.shown_by,
        "decided": wording.decided,
        "line": visible,
        "cell": _cell,
        "spelt_out": lambda reason: spelt_out([reason])[0],
    }
    environment.globals |= {"figure_names": FIGURE_NAMES, "kinds": KINDS, "held_out_names": HELD_OUT_NAMES}
    return environment
