"""Which reader may be trusted with a file, what of it is judged, and what has to be said: one table, and nothing about it elsewhere.

Each rule is a fact and what follows from it. OpenCV decodes what it is known to show whole; one rule against it is enough for PyAV to
decode instead, which shows each picture at its own size, upright, of whole frames, in the colours of an ordinary screen. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from screener.video.container.facts import Facts
from screener.video.container.opening import TIMED_AS_CODED, UNTIMED, WITH_HIDDEN_PICTURES


@dataclass(frozen=True)
class Rule:
    """fact: in words. holds: whether it is so.

    shuns: readers that are not trusted with such a file. in_order: single pictures of it cannot be had. options: of FFmpeg's, with which it
    is opened. warning: what a reader of the verdict should know. reason: why it is not judged whole.
    """

    fact: str
    holds: Callable[[Facts], bool]
    shuns: frozenset[str] = frozenset()
    in_order: bool = False
    options: dict[str, str] = field(default_factory=dict)
    warning: str = ""
    reason: str = ""


_OPENCV = frozenset({"opencv", "nvdec"})
_ANY_THREADS = frozenset({"opencv", "nvdec", "pyav"})

RULES = (
    # Sizes and shapes: OpenCV scales every picture to the first one's size, and knows one shape of pixels.
    Rule("its sizes are not written where they are looked for", lambda facts: not facts.sets_readable, frozenset({"opencv"})),
    Rule("its pictures change size, shape or depth on the way", lambda facts: facts.parameter_sets > 1, _OPENCV, in_order=True),
    # Fields: OpenCV cannot convert them, and gives out memory that nobody wrote to.
    Rule("its pictures are interlaced, or may be", lambda facts: facts.interlaced, _OPENCV, in_order=True, warning="interlaced"),
    # Orientation: OpenCV turns, and does not mirror; what a picture's own message says it does not see.
    Rule("it is to be mirrored", lambda facts: facts.is_mirrored, _OPENCV),
    Rule("its pictures, not their container, say how they are turned", lambda facts: facts.is_turned_within, _OPENCV),
    # Colours: OpenCV's FFmpeg maps them in a way of its own.
    Rule("its colours are high dynamic range", lambda facts: facts.is_high_dynamic, _OPENCV, warning="hdr"),
    Rule("its colours are wider than a screen's", lambda facts: facts.has_wide_colours, _OPENCV),
    # Damage: what conceals it is watched picture by picture.
    Rule("its decoder conceals damage within a picture", lambda facts: facts.codec in {"mjpeg", "vp8"}, _ANY_THREADS),
    Rule("its decoder is right in one thread alone", lambda facts: facts.codec == "dirac", _OPENCV),
    # Parts: everything that is there, or it is said.
    Rule("there are other streams of moving pictures", lambda f: f.other_streams > 0, _OPENCV, warning="multi_video", reason="unread_part"),
    Rule("it is not the first stream", lambda facts: not facts.is_first, _OPENCV),
    Rule("another recording follows", lambda facts: facts.another_recording, in_order=True, warning="second_part", reason="unread_part"),
    Rule("pictures are only given out to be thrown away", lambda facts: facts.unread_pictures > 0, in_order=True, reason="unread_part"),
    Rule(
        "an edit list hides pictures from players",
        lambda facts: facts.hidden_pictures > 0,
        _OPENCV,
        in_order=True,
        options=WITH_HIDDEN_PICTURES,
        warning="hidden_pictures",
    ),
    # Times: a seek goes by them, and finds one of the parts that carry the same.
    Rule("its container gives no times", lambda facts: bool(facts.formats & UNTIMED), in_order=True),
    Rule("its times are those of coding", lambda facts: facts.reorders and bool(facts.formats & TIMED_AS_CODED), in_order=True),
    Rule("not every picture has a time of its own", lambda facts: facts.unplaced_pictures > 0, in_order=True),
    Rule("several recordings were strung together", lambda facts: facts.is_strung, in_order=True),
    Rule("there was no time to look through its packets", lambda facts: facts.is_unwalked, reason="limit_time"),
    Rule("its container contradicts itself, begins late or ends early", lambda facts: facts.is_damaged, in_order=True),
)

READERS = ("nvdec", "opencv", "pyav", "careful")
"""In the order in which they are tried. The last one watches each picture for damage, and takes over where any is heard of."""


@dataclass(frozen=True)
class Plan:
    """readers: that are trusted with the file, in the order in which they are tried. The rest is of the rules that hold."""

    readers: tuple[str, ...]
    in_order: bool = False
    options: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def plan_for(facts: Facts) -> Plan:
    rules = [rule for rule in RULES if rule.holds(facts)]
    shunned = frozenset().union(*(rule.shuns for rule in rules))
    return Plan(
        readers=tuple(reader for reader in READERS if reader not in shunned),
        in_order=any(rule.in_order for rule in rules),
        options={key: value for rule in rules for key, value in rule.options.items()},
        warnings=tuple(rule.warning for rule in rules if rule.warning),
        reasons=tuple(dict.fromkeys(rule.reason for rule in rules if rule.reason)),
    )
