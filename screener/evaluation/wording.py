"""Figures in words, shared by the table, the page and the model card. Pure text; the caller escapes it for its format."""

from __future__ import annotations

from screener.evaluation.figures import Evaluation, Figure, Slice, Tally
from screener.evaluation.weaknesses import Weakness
from screener.report.wording import counted


def number(value: float | None) -> str:
    """Three decimal places, or a dash if undefined."""
    return "-" if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """`+0.123`; `-` for None."""
    return "-" if value is None else f"{value:+.3f}"


def between(interval: tuple[float, float] | None, places: int = 3) -> str:
    """`0.123 to 0.456`; empty for None. places: digits after the point."""
    return "" if interval is None else f"{interval[0]:.{places}f} to {interval[1]:.{places}f}"


def with_interval(figure: Figure) -> str:
    """`0.647 (0.511 to 0.785)`, without brackets if there is no interval, a dash if there is no value."""
    return number(figure.value) if figure.interval is None else f"{number(figure.value)} ({between(figure.interval)})"


def percent(share: float) -> str:
    """A share as `12.3 %`, to three digits."""
    return f"{100 * share:.3g} %"


def held_against(part: Slice) -> str:
    """`26 fake, 39 real`, and how many of them could be scored if not all could."""
    asked, scored = (part.fakes, part.reals), (part.fakes_scored, part.reals_scored)
    if asked == scored:
        return f"{part.fakes} fake, {part.reals} real"
    return f"{part.fakes_scored} of {part.fakes} fake, {part.reals_scored} of {part.reals} real"


def subject(evaluation: Evaluation) -> str:
    """What was evaluated: `videos: 97 items, 39 real and 58 fake, in 60 groups`, and how many duplicates were left out."""
    data = evaluation.data
    copies = f"; {counted(data.copies, 'copy', 'copies')} of these left out" if data.copies else ""
    return (
        f"{data.name}: {counted(data.items, 'item')}, {data.reals} real and {data.fakes} fake, in {counted(data.groups, 'group')}{copies}"
    )


def weights(evaluation: Evaluation) -> str:
    """The checkpoint and its threshold."""
    rate = evaluation.operating_point.get("fpr")
    point = f", its operating point at {percent(rate)} false positives" if rate is not None else ", set by hand"
    name = f"{evaluation.checkpoint.get('name', 'checkpoint')} (sha256 {str(evaluation.checkpoint['sha256'])[:16]})"
    return f"{name}, fake from {evaluation.threshold:.3f} on{point}"


def coverage(evaluation: Evaluation) -> str:
    """How many items have a score, and how many were read to their end."""
    data, scored = evaluation.data, sum(item.p_fake is not None for item in evaluation.items)
    parts = [f"{scored} of {data.items} scored", f"{data.complete} read completely"]
    parts += [f"{data.partial} in part"] if data.partial else []
    parts += [f"{data.unread} not at all"] if data.unread else []
    return ", ".join(parts)


def finding(evaluation: Evaluation) -> str:
    """The first figure of an evaluation in one sentence."""
    part = evaluation.headline
    auc = part.figures["video_auc"]
    if auc.value is None:
        return f"No AUC: {auc.note}"
    interval = f" ({auc.interval[0]:.2f} to {auc.interval[1]:.2f})" if auc.interval else ""
    return f"AUC {auc.value:.2f}{interval} on {part.name}"


def shown_by(weakness: Weakness) -> str:
    """`may be no better than chance: AUC 0.482 (0.154 to 0.821)`."""
    return f"{weakness.finding}: {weakness.figure_name} {with_interval(weakness.figure)}"


def decided(tally: Tally) -> str:
    """Share of the outcomes that are not undecided, in per cent; `-` if there are none."""
    return "-" if not tally.total else percent(1 - tally.undecided / tally.total)
