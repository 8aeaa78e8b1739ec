"""Renders one update of a live watch with rich, cut to the size of the terminal: banner, people, rates, last events.

Colour never carries information of its own. Characters beyond ASCII are used only if the terminal has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.align import Align
from rich.box import HEAVY
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from screener.report.wording import by_suspicion, clock, counted, score, shortened, visible
from screener.watching.marks import LETTER_ROWS, gauge, large, sparkline
from screener.watching.records import LiveEvent, LivePerson, LiveUpdate
from screener.watching.wording import event_in_words, evidence, interval_in_words, live_headline, rates, why_undecided

WIDE = 96
"""Minimum number of columns for one line per person."""

OUTCOME_STYLES = {"fake": "bold reverse red", "genuine": "bold green", "undecided": "bold yellow"}
_PLAIN_STYLES = {"fake": "red", "genuine": "green", "undecided": "yellow"}
STATE_STYLES = {
    "opening": "bold blue",
    "live": "bold green",
    "frozen": "bold reverse magenta",
    "stale": "bold reverse yellow",
    "lost": "bold reverse red",
    "ended": "bold",
}
_MOST_EVENTS = 8
_LEAST_EVENTS = 2


@dataclass(frozen=True)
class LiveScreen:
    """silent_seconds: how long no update has come, if too long for the last one to be shown as current."""

    source_name: str
    update: LiveUpdate | None
    events: tuple[LiveEvent | str, ...]
    silent_seconds: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        draw = _Draw(width, options.ascii_only)
        update = self.update

        def lines(*parts: RenderableType) -> int:
            return sum(len(console.render_lines(part, options.update(height=None))) for part in parts)

        foot = [Text(), *([draw.rates(update)] if update is not None else []), draw.hint()]
        free = height - lines(*foot)
        if update is None or self.silent_seconds is not None or update.state != "live":
            body: list[RenderableType] = [draw.alert(self.source_name, update, self.silent_seconds, height)]
        else:
            banner = draw.banner(self.source_name, update)
            body = [banner, *draw.people(update, free - lines(banner) - min(_LEAST_EVENTS, height // 10))]
        events = draw.events(self.events, min(_MOST_EVENTS, free - lines(*body)))
        yield Group(*body, *foot[:-1], *events, foot[-1])


class _Draw:
    """The parts of a screen, for one width and character set."""

    def __init__(self, width: int, ascii_only: bool) -> None:
        self._width = width
        self._ascii_only = ascii_only

    def banner(self, source_name: str, update: LiveUpdate) -> RenderableType:
        """State, source, outcome of the whole picture, and how long it has been watched."""
        bar = Table.grid(expand=True, padding=(0, 1))
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1, no_wrap=True, overflow="crop")
        bar.add_column(justify="right", no_wrap=True)
        style = OUTCOME_STYLES[update.outcome]
        watched = clock(update.seconds, 0)
        headline = live_headline(update)
        room = self._width - len("LIVE") - len(watched) - len(headline) - 14
        name = self._text(self._short(source_name, room), "") if room >= 6 else Text()
        bar.add_row(Text("LIVE", "bold green"), Text.assemble((f" {self._safe(headline)} ", style), "  ", name), Text(watched))
        return Panel(bar, box=HEAVY, border_style=_PLAIN_STYLES[update.outcome], padding=(0, 1), width=self._width)

    def alert(self, source_name: str, update: LiveUpdate | None, silent_seconds: float | None, height: int) -> RenderableType:
        """The state in large letters on a coloured background, for states without a current verdict."""
        state, why = ("opening", "") if update is None else (update.state, update.message)
        if silent_seconds is not None:
            state, why = "stale", f"the watch itself has not been heard of for {silent_seconds:.0f} s"
        word = large(state.upper(), self._ascii_only)
        if height < 2 * LETTER_ROWS + 8 or len(word[0]) > self._width - 6:
            word = [" ".join(state.upper())]
        said = [shortened(visible(why), 3 * self._width - 24)] if why else []
        if update is not None and update.retry_seconds is not None and silent_seconds is None:
            said.append(f"next attempt in {max(0.0, update.retry_seconds):.0f} s")
        if state not in ("opening", "ended"):
            said.append("no verdict: what was seen before no longer counts")
        watched = "" if update is None else clock(update.seconds, 0)
        said.append(f"{self._short(source_name, self._width - 24)}  {watched}")
        letters = Align.center(Text("\n".join(word)))  # as one block, because lines centred one by one would be shifted against each other
        inside = Group(letters, Text(), *(Text(self._safe(line), justify="center") for line in said))
        return Panel(inside, box=HEAVY, style=STATE_STYLES[state], width=self._width, padding=(1, 2))

    def people(self, update: LiveUpdate, room: int) -> Iterator[RenderableType]:
        """A heading and as many people as fit into `room` lines, by number; the least suspicious are left out first."""
        if not update.people:
            return
        yield self._line(self._heading(update))
        room -= 1
        chosen: list[LivePerson] = []
        for person in sorted(update.people, key=lambda p: by_suspicion(p.verdict)):
            room -= self._lines_of(person)
            if room < (1 if len(chosen) + 1 < len(update.people) else 0) and chosen:
                break
            chosen.append(person)
        for person in sorted(chosen, key=lambda p: p.verdict.track_id):
            yield from self._person(person, update)
        left_out = len(update.people) - len(chosen)
        if left_out:
            yield Text(f"   and {counted(left_out, 'person', 'people')} more, less suspicious", "dim")

    def rates(self, update: LiveUpdate) -> RenderableType:
        return Padding(Text("  ".join(rates(update.stats)), "dim"), (0, 1))

    def events(self, events: Sequence[LiveEvent | str], room: int) -> Iterator[RenderableType]:
        """The last events that fit into `room` lines, newest at the bottom."""
        for event in events[-room:] if room > 0 else ():
            if isinstance(event, str):
                yield self._line(Text(f"          {self._safe(event)}"))
            else:
                style = {"alarm": "bold red", "lost": "red", "stale": "yellow"}.get(event.kind, "")
                yield self._line(Text.assemble((f" {clock(event.seconds):>8} ", "dim"), (self._safe(event_in_words(event)), style)))

    def hint(self) -> RenderableType:
        return Text(" q to quit", "dim")

    def _heading(self, update: LiveUpdate) -> Text:
        alarm = f"fake from {score(update.threshold)}"
        if self._width < WIDE:
            return Text(f"    outcome     p fake  ({alarm} on)", "dim")
        gauge_width, spark_width = self._widths()
        bar = f"0 {alarm:^{max(0, gauge_width - 4)}} 1"[:gauge_width]
        return Text(
            f"    outcome     p fake  {bar:<{gauge_width}}  90 % range  judged                  {'last minute':<{spark_width}}", "dim"
        )

    def _widths(self) -> tuple[int, int]:
        """Widths of the gauge and the sparkline on a wide terminal."""
        free = self._width - 62
        return free - free // 2, min(60, free // 2)

    def _lines_of(self, person: LivePerson) -> int:
        return (1 if self._width >= WIDE else 2) + bool(_why(person))

    def _person(self, person: LivePerson, update: LiveUpdate) -> Iterator[Text]:
        verdict = person.verdict
        p_fake = "-" if verdict.p_fake is None else score(verdict.p_fake)
        word = f" {verdict.outcome.upper()} "
        head = Text.assemble(
            (f"{verdict.track_id:>3} ", "bold"), (word, OUTCOME_STYLES[verdict.outcome]), " " * (11 - len(word)), f" {p_fake:>6}  "
        )
        judged = evidence(person)
        spread = interval_in_words(verdict)
        if self._width >= WIDE:
            gauge_width, spark_width = self._widths()
            head.append_text(self._gauge(person, update, gauge_width))
            head.append(f"  {spread:<10}  {judged:<22}  ")
            # Longer text shortens the oldest part of the sparkline.
            head.append_text(self._sparkline(person, update, max(0, min(spark_width, self._width - 1 - head.cell_len))))
            yield self._line(head)
        else:
            head.append_text(self._gauge(person, update, self._width - 25))
            yield self._line(head)
            detail = f"    {', '.join(filter(None, [spread, judged]))}  "
            yield self._line(Text(detail).append_text(self._sparkline(person, update, max(0, self._width - len(detail) - 1))))
        if why := _why(person):
            yield self._line(Text(f"     {self._safe(why)}", "dim"))

    def _gauge(self, person: LivePerson, update: LiveUpdate, width: int) -> Text:
        left, mark, right = gauge(person.verdict.p_fake, update.threshold, width, self._ascii_only)
        style = _PLAIN_STYLES[person.verdict.outcome]
        return Text.assemble((left, style), (mark, "bold"), (right, style))

    def _sparkline(self, person: LivePerson, update: LiveUpdate, width: int) -> Text:
        text = Text()
        for character, p_fake in sparkline(person.history, update.seconds, width, self._ascii_only):
            text.append(character, "" if p_fake is None else "red" if p_fake >= update.threshold else "dim")
        return text

    def _line(self, text: Text) -> Text:
        text.no_wrap, text.overflow = True, "crop" if self._ascii_only else "ellipsis"
        return text

    def _short(self, name: str, width: int) -> str:
        return self._safe(shortened(visible(name), max(3, width)))

    def _text(self, words: str, style: str) -> Text:
        return Text(words, style, no_wrap=True, overflow="crop")

    def _safe(self, text: str) -> str:
        if not self._ascii_only:
            return text
        return text.replace("\u2026", "...").encode("ascii", "backslashreplace").decode("ascii")


def _why(person: LivePerson) -> str:
    """The line under a person: why there is no decision, and whether the person is out of sight."""
    return "; ".join(filter(None, ["out of sight" if person.box_xyxy is None else "", why_undecided(person.verdict)]))
