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
    Rule("sizes are not where they are expected", lambda facts: not facts.sets_readable, frozenset({"opencv"})),
    Rule("pictures change in size, shape or bit depth", lambda facts: facts.parameter_sets > 1, _OPENCV, in_order=True),
    # Fields: OpenCV cannot convert them, and returns uninitialised memory.
    Rule("pictures are, or may be, interlaced", lambda facts: facts.interlaced, _OPENCV, in_order=True, warning="interlaced"),
    # Orientation: OpenCV rotates but does not mirror, and ignores orientation messages inside pictures.
    Rule("it must be mirrored", lambda facts: facts.is_mirrored, _OPENCV),
    # A message holds for the pictures after it, so a picture that is sought alone does not come with it.
    Rule("the orientation is in the stream, not in the container", lambda facts: facts.is_turned_within, _OPENCV, in_order=True),
    # Colours: OpenCV's FFmpeg converts them differently.
    Rule("colours are high dynamic range", lambda facts: facts.is_high_dynamic, _OPENCV, warning="hdr"),
    Rule("the colour gamut is wider than a standard screen's", lambda facts: facts.has_wide_colours, _OPENCV),
    # Damage: decoders that conceal it are checked picture by picture.
    Rule("the decoder conceals damage within a picture", lambda facts: facts.codec in {"mjpeg", "vp8"}, _ANY_THREADS),
    Rule("part of a picture is zeros", lambda facts: facts.holes > 0, _ANY_THREADS),
    Rule("the decoder is correct only in one thread", lambda facts: facts.codec == "dirac", _OPENCV),
    # Parts: what is not read is reported.
    Rule("there are several video streams", lambda f: f.other_streams > 0, _OPENCV, warning="multi_video", reason="unread_part"),
    Rule("the video is not the first stream", lambda facts: not facts.is_first, _OPENCV),
    Rule("another recording follows", lambda facts: facts.another_recording, in_order=True, warning="second_part", reason="unread_part"),
    Rule("some pictures are marked to be discarded", lambda facts: facts.unread_pictures > 0, in_order=True, reason="unread_part"),
    Rule(
        "an edit list hides pictures from players",
        lambda facts: facts.hidden_pictures > 0,
        _OPENCV,
        in_order=True,
        options=WITH_HIDDEN_PICTURES,
        warning="hidden_pictures",
    ),
    # Times: a seek relies on them, and finds only one of several parts with the same times.
    Rule("the container has no timestamps", lambda facts: bool(facts.formats & UNTIMED), in_order=True),
    Rule("timestamps are decoding times", lambda facts: facts.reorders and bool(facts.formats & TIMED_AS_CODED), in_order=True),
    Rule("some pictures have no timestamp", lambda facts: facts.unplaced_pictures > 0, in_order=True),
    Rule("several recordings were concatenated", lambda facts: facts.is_strung, in_order=True),
    Rule("there was no time to read all packets", lambda facts: facts.is_unwalked, reason="limit_time"),
    Rule("the container contradicts itself, starts late or ends early", lambda facts: facts.is_damaged, in_order=True),
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
