"""Which videos are compared: different kinds of fakes are not pooled, and every slice has its reals."""

from __future__ import annotations

from typing import Any

import numpy as np

from screener.datasets import LabelledItem
from screener.evaluation.slices import headline_of, slices_of
from screener.evaluation.videos import VideoScore, video_score

from .made import LIP_SYNC, SWAP, WHOLE_FACE, frame, item, row


def scored(one: LabelledItem, side_px: float = 50.0, sharpness: float = 7.0, **changes: Any) -> VideoScore:
    return video_score(one, row(one.path, [0.0], frames=[frame(1, 0, 0.0, side_px, sharpness)], **changes))


def named(scores: list[VideoScore], mask: np.ndarray) -> set[str]:
    return {score.video.name for score, inside in zip(scores, mask, strict=True) if inside}


def parts(scores: list[VideoScore], kind: str) -> dict[str, set[str]]:
    return {name: named(scores, mask) for name, mask in slices_of(scores).get(kind, [])}


REAL, SWAPPED, SYNCED, WHOLE = (
    scored(item("real")),
    scored(item("swapped", 1, method=SWAP)),
    scored(item("synced", 1, method=LIP_SYNC)),
    scored(item("whole", 1, method=WHOLE_FACE)),
)
UNKNOWN = scored(item("unknown", 1, method="brand new"))
PLAIN = scored(item("plain", 1, method=""))


def test_the_headline_never_pools_whole_faces_with_blends() -> None:
    everyone = [REAL, SWAPPED, SYNCED, WHOLE, UNKNOWN]
    assert named(everyone, headline_of(everyone)[1]) == {"real", "swapped", "synced"}
    without = [REAL, WHOLE, UNKNOWN, PLAIN]
    assert headline_of(without)[0] == "fakes of unnamed or unknown method"
    assert named(without, headline_of(without)[1]) == {"real", "unknown", "plain"}
    assert named([REAL, WHOLE], headline_of([REAL, WHOLE])[1]) == {"real", "whole"}
    assert named([REAL], headline_of([REAL])[1]) == {"real"}


def test_families_and_methods_stand_against_all_reals() -> None:
    second = scored(item("second"))
    everyone = [REAL, second, SWAPPED, SYNCED, WHOLE, PLAIN]
    assert parts(everyone, "family") == {
        "swap": {"real", "second", "swapped"},
        "lip-sync": {"real", "second", "synced"},
        "whole face": {"real", "second", "whole"},
        "other": {"real", "second", "plain"},
    }
    assert parts(everyone, "method")["unnamed"] == {"real", "second", "plain"}
    assert parts([REAL, PLAIN], "method") == {}


def test_methods_stand_apart_by_compression_against_reals_of_the_same() -> None:
    levels = [scored(item(f"{label} {level}", label, compression=level)) for label in (0, 1) for level in ("c23", "c40")]
    assert parts(levels, "method") == {f"{SWAP}, c23": {"0 c23", "1 c23"}, f"{SWAP}, c40": {"0 c40", "1 c40"}}
    assert parts(levels, "family") == {"swap": {"0 c23", "0 c40", "1 c23", "1 c40"}}
    # Reals without a level are the only ones there are.
    assert parts([REAL, *levels[2:]], "method")[f"{SWAP}, c40"] == {"real", "1 c40"}
    assert parts([levels[0], levels[2]], "method") == {SWAP: {"0 c23", "1 c23"}}


def test_a_generator_with_one_method_says_nothing_new() -> None:
    better = scored(item("better", 1, method=f"{LIP_SYNC} + SR"))
    assert parts([REAL, SYNCED, better, SWAPPED], "generator") == {LIP_SYNC: {"real", "synced", "better"}}
    assert "generator" not in slices_of([REAL, SYNCED, SWAPPED])


def test_kinds_of_reals_stand_against_the_headline_fakes() -> None:
    studio = scored(item("studio real", method="studio"))
    everyone = [REAL, studio, SWAPPED, WHOLE]
    assert parts(everyone, "real") == {"camera": {"real", "swapped"}, "studio": {"studio real", "swapped"}}
    assert "real" not in slices_of([REAL, SWAPPED])


def test_each_data_set_by_itself_with_unlike_fakes_apart() -> None:
    other_real = scored(item("other real", set_name="other"))
    other_fake = scored(item("other fake", 1, set_name="other"))
    assert parts([REAL, SWAPPED, WHOLE, other_real, other_fake], "source") == {
        "made, swaps, lip-syncs and reenactments": {"real", "swapped"},
        "made, whole generated faces": {"real", "whole"},
        "other": {"other real", "other fake"},
    }
    assert "source" not in slices_of([REAL, SWAPPED, WHOLE])


def test_facts_of_the_video_divide_the_headline() -> None:
    hard = scored(item("hard", 1, compression="c40"), video={"codec": "hevc", "size_wh": [1920, 1080]})
    soft = scored(item("soft", compression="c23"), video={"codec": "h264", "size_wh": [640, 480]})
    tiny = scored(item("tiny"), video={"codec": "", "size_wh": [320, 240]})
    unread = scored(item("unread"), video={"codec": "", "size_wh": [0, 0]})
    everyone = [hard, soft, tiny, unread, WHOLE]
    assert parts(everyone, "compression") == {"c40": {"hard"}, "c23": {"soft"}}
    assert parts(everyone, "codec") == {"h264": {"soft"}, "hevc": {"hard"}}
    resolutions = {"below 360 px": {"tiny"}, "360 to 719 px": {"soft"}, "1080 px and more": {"hard"}}
    assert list(parts(everyone, "resolution").items()) == list(resolutions.items()), "from low to high"


def test_face_sizes_in_bands_of_as_many_videos() -> None:
    everyone = [scored(item(f"{i}", i % 2), side_px=40.0 + i, sharpness=5.0) for i in range(30)]
    bands = parts(everyone, "face_px")
    assert [len(names) for names in bands.values()] == [10, 10, 10]
    assert list(bands) == ["40 to 49.7 px", "49.7 to 59.3 px", "59.3 to 69 px"]
    assert bands["40 to 49.7 px"] == {str(i) for i in range(10)}
    assert "sharpness" not in slices_of(everyone)
    assert "face_px" not in slices_of(everyone[:29])
