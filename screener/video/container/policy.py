"""Decides which reader may decode a file, which parts of it are judged and which warnings it gets. All of this stands in one table here.

Each rule is a fact and its consequence. OpenCV decodes files that it is known to show completely; one rule against it is enough for PyAV to
decode instead, which shows each picture at its own size, upright, as whole frames, in standard colours. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from screener.video.container.facts import Facts
from screener.video.container.opening import TIMED_AS_CODED, UNTIMED, WITH_HIDDEN_PICTURES


@dataclass(frozen=True)
class Rule:
    """fact: in words. holds: whether the fact is true of a file.

    shuns: readers that may not decode such a file. in_order: single pictures cannot be sought in it. options: FFmpeg options with which it
    is opened. warning: shown to the user with the verdict. reason: why it is not judged completely.
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
    # Sizes and shapes: OpenCV scales every picture to the first one's size, and supports one sample aspect ratio per file.
    Rule("its sizes are not written where they are looked for", lambda facts: not facts.sets_readable, frozenset({"opencv"})),
    Rule("its pictures change size, shape or depth on the way", lambda facts: facts.parameter_sets > 1, _OPENCV, in_order=True),
    # Fields: OpenCV cannot convert them, and returns uninitialised memory.
    Rule("its pictures are interlaced, or may be", lambda facts: facts.interlaced, _OPENCV, in_order=True, warning="interlaced"),
    # Orientation: OpenCV rotates but does not mirror, and ignores orientation messages inside pictures.
    Rule("it is to be mirrored", lambda facts: facts.is_mirrored, _OPENCV),
    # A statement holds for the pictures after it, so a picture that is sought alone does not come with it.
    Rule("its pictures, not their container, say how they are turned", lambda facts: facts.is_turned_within, _OPENCV, in_order=True),
    # Colours: OpenCV's FFmpeg converts them differently.
    Rule("its colours are high dynamic range", lambda facts: facts.is_high_dynamic, _OPENCV, warning="hdr"),
    Rule("its colours are wider than a screen's", lambda facts: facts.has_wide_colours, _OPENCV),
    # Damage: decoders that conceal it are checked picture by picture.
    Rule("its decoder conceals damage within a picture", lambda facts: facts.codec in {"mjpeg", "vp8"}, _ANY_THREADS),
    Rule("its decoder is right in one thread alone", lambda facts: facts.codec == "dirac", _OPENCV),
    # Parts: what is not read is reported.
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
    # Times: a seek relies on them, and finds only one of several parts with the same times.
    Rule("its container gives no times", lambda facts: bool(facts.formats & UNTIMED), in_order=True),
    Rule("its times are those of coding", lambda facts: facts.reorders and bool(facts.formats & TIMED_AS_CODED), in_order=True),
    Rule("not every picture has a time of its own", lambda facts: facts.unplaced_pictures > 0, in_order=True),
    Rule("several recordings were strung together", lambda facts: facts.is_strung, in_order=True),
    Rule("there was no time to look through its packets", lambda facts: facts.is_unwalked, reason="limit_time"),
    Rule("its container contradicts itself, begins late or ends early", lambda facts: facts.is_damaged, in_order=True),
)

READERS = ("nvdec", "opencv", "pyav", "careful")
"""In the order in which they are tried. The last one checks each picture for damage, and takes over when another reports any."""


@dataclass(frozen=True)
class Plan:
    """readers: those that may decode the file, in the order in which they are tried. The other fields collect those of the
    rules that hold.
    """

    readers: tuple[str, ...]
    in_order: bool = False
    options: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def plan_for(facts: Facts) -> Plan:
    """Combine all rules that hold for a file."""
    rules = [rule for rule in RULES if rule.holds(facts)]
    shunned = frozenset().union(*(rule.shuns for rule in rules))
    return Plan(
        readers=tuple(reader for reader in READERS if reader not in shunned),
        in_order=any(rule.in_order for rule in rules),
        options={key: value for rule in rules for key, value in rule.options.items()},
        warnings=tuple(rule.warning for rule in rules if rule.warning),
        reasons=tuple(dict.fromkeys(rule.reason for rule in rules if rule.reason)),
    )
