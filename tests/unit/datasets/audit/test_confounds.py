"""Constructed facts that do or do not predict the label, tested alone and together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from screener.datasets.audit import confounds
from screener.datasets.audit.confounds import EVERYWHERE, Confound, find_confounds, independent_groups
from screener.datasets.audit.incidental_facts import FACTS, FileFacts
from screener.datasets.audit.jpeg_header import PictureHeader
from screener.records import VideoFacts
from screener.settings.audit import AuditSettings
from screener.video.container.header import ContainerFacts

from .files import file_facts, item

FILES = 200


def made(fields: Callable[[int, int, np.random.Generator], dict[str, Any]], files: int = FILES, **of_item: Any) -> list[FileFacts]:
    """Files of alternating labels. fields: (number, label, random numbers) -> what differs."""
    rng = np.random.default_rng(0)
    return [file_facts(item(f"{n:04}", n % 2, **of_item), **fields(n, n % 2, rng)) for n in range(files)]


def by_fact(files: list[FileFacts], scope: str = EVERYWHERE, **settings: Any) -> dict[str, Confound]:
    found = find_confounds(files, AuditSettings(**settings))
    return {confound.fact: confound for confound in found if confound.scope == scope}


def of_quality(quality: int) -> dict[str, Any]:
    return {"header": PictureHeader(quality=quality, tables=f"t{quality}", sampling="4:2:0", progressive=False)}


def test_a_fact_that_differs_between_the_labels_tells_everything() -> None:
    found = by_fact(made(lambda n, label, rng: of_quality(75 if label else 95)))
    assert set(found) == {"jpeg_quality", "jpeg_tables", "together"}
    quality = found["jpeg_quality"]
    assert (quality.auc, quality.interval, quality.typical, quality.files) == (1.0, (1.0, 1.0), ("95", "75"), (100, 100))
    assert found["jpeg_tables"].typical == ("t95", "t75")
    assert found["together"].auc == 1.0


def test_facts_that_say_the_same_everywhere_are_left_out() -> None:
    assert find_confounds(made(lambda n, label, rng: {}), AuditSettings()) == ()


def test_a_random_fact_tells_nothing() -> None:
    found = by_fact(made(lambda n, label, rng: {"size_bytes": int(rng.integers(1000, 9000))}, 600))
    assert set(found) == {"file_size", "bits_per_pixel", "together"}
    for confound in found.values():
        assert confound.interval[0] < 0.5 < confound.interval[1] or abs(confound.auc - 0.5) < 0.06
        assert not confound.stands_out(0.55)


def test_a_fact_of_its_own_for_every_file_tells_nothing() -> None:
    found = by_fact(made(lambda n, label, rng: {"header": PictureHeader(software=f"serial {n}")}))
    assert found["software"].auc == pytest.approx(0.5)


def test_a_fact_of_its_own_for_every_group_tells_nothing() -> None:
    """Ten files of each of twenty persons, a camera each: the camera tells the person, not the label."""
    files = made(lambda n, label, rng: {"header": PictureHeader(software=f"camera {n % 20}")})
    files = [replace(file, item=replace(file.item, group=f"person {n % 20}")) for n, file in enumerate(files)]
    found = by_fact(files)
    assert found["software"].auc == pytest.approx(0.5)
    assert not any(confound.stands_out(0.6) for confound in found.values())


def test_numbers_need_not_rise_with_the_label() -> None:
    """Fakes lie in the middle: no threshold parts them, two do."""
    files = made(lambda n, label, rng: {"size_bytes": int(rng.integers(4000, 6000) if label else rng.choice([1000, 9000]))}, 400)
    assert by_fact(files)["file_size"].auc > 0.95


def test_numbers_of_many_values_are_judged_in_bins() -> None:
    """Overlapping normal sizes: their AUC is that of the sizes themselves, up to the bins."""
    files = made(lambda n, label, rng: {"size_bytes": int(rng.normal(5000 + 1500 * label, 1000))}, 2000)
    sizes, labels = [file.size_bytes for file in files], [file.item.label for file in files]
    assert by_fact(files)["file_size"].auc == pytest.approx(roc_auc_score(labels, sizes), abs=0.02)


def test_a_missing_value_is_a_value() -> None:
    files = made(lambda n, label, rng: {"header": PictureHeader(software="" if label else "Canon")})
    found = by_fact(files)["software"]
    assert (found.auc, found.typical) == (1.0, ("Canon", "none"))


def test_facts_that_tell_only_together() -> None:
    """Size and quality each take two values at random; the label is whether they agree."""

    def fields(n: int, label: int, rng: np.random.Generator) -> dict[str, Any]:
        large = bool(rng.integers(2))
        return {"size_bytes": 9000 if large else 3000, **of_quality(95 if large == bool(label) else 75)}

    found = by_fact(made(fields, 600))
    assert max(found[name].auc for name in ("file_size", "jpeg_quality")) < 0.6
    assert found["together"].auc > 0.95


def test_without_scikit_learn_facts_are_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confounds, "can_judge_together", lambda: False)
    found = by_fact(made(lambda n, label, rng: of_quality(75 if label else 95)))
    assert set(found) == {"jpeg_quality", "jpeg_tables"}


def test_data_sets_are_judged_by_themselves() -> None:
    """In one set the quality tells the label; in the other, which is nearly all fake, nothing does, but the set itself tells much."""
    one = made(lambda n, label, rng: of_quality(75 if label else 95), set_name="one")
    other = [replace(file, item=replace(file.item, set_name="other", name=f"o{n}", group=f"o{n}", label=int(n >= 30)))
             for n, file in enumerate(made(lambda n, label, rng: of_quality(85)))]  # fmt: skip
    assert by_fact([*one, *other], "one")["jpeg_quality"].auc == 1.0
    assert by_fact([*one, *other], "other") == {}
    everywhere = by_fact([*one, *other])
    assert everywhere["set"].auc == pytest.approx(
        roc_auc_score([0] * 100 + [1] * 100 + [0] * 30 + [1] * 170, [0] * 200 + [1] * 200), abs=0.03
    )


def test_too_few_groups_tell_nothing() -> None:
    files = made(lambda n, label, rng: of_quality(75 if label else 95))
    files = [replace(file, item=replace(file.item, group=f"g{n % 9}")) for n, file in enumerate(files)]
    assert independent_groups(files) == (9, 9)
    assert find_confounds(files, AuditSettings()) == ()


def test_files_that_could_not_be_read_are_left_out() -> None:
    files = made(lambda n, label, rng: of_quality(75 if label else 95))
    unread = [FileFacts(item(f"u{n}", n % 2), failure="corrupt") for n in range(50)]
    assert by_fact([*files, *unread])["jpeg_quality"].files == (100, 100)


def test_the_interval_is_that_of_hanley_and_mcneil() -> None:
    """Hanley and McNeil 1982, table II: 58 normal and 51 abnormal pictures, area 0.893, standard error 0.032."""
    low, high = confounds._interval(0.893, 58, 51)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, abs=0.001)


def test_it_stands_out_only_beyond_chance() -> None:
    certain = Confound("codec", "the codec", "", 0.7, (0.6, 0.8), (1, 1), ("", ""))
    assert certain.stands_out(0.65) and not certain.stands_out(0.75)
    assert not replace(certain, interval=(0.49, 0.9)).stands_out(0.65)


def test_every_fact_says_what_it_should() -> None:
    video = FileFacts(
        item("a.mp4"),
        size_bytes=1000,
        video=VideoFacts(duration_seconds=2.0, size_wh=(20, 10), fps=25.0, codec="h264", frames_decoded=50),
        container=ContainerFacts("mov/mp4", "yuv420p", "High", "aac", "Lavf59"),
    )
    assert {name: fact.value(video) for name, fact in FACTS.items()} == {
        "container": "mov/mp4", "codec": "h264", "profile": "High", "sampling": "yuv420p", "pixels": 200.0, "shape": 2.0,
        "frame_rate": 25.0, "duration": 2.0, "file_size": 1000.0, "bits_per_pixel": 0.8, "jpeg_quality": None, "jpeg_tables": None,
        "jpeg_progressive": None, "sound": "aac", "software": "Lavf59",
    }  # fmt: skip
    picture = {name: fact.value(file_facts(item("a.jpg"))) for name, fact in FACTS.items()}
    assert picture == {
        "container": "picture", "codec": "mjpeg", "profile": None, "sampling": "4:2:0", "pixels": 10000.0, "shape": 1.0,
        "frame_rate": None, "duration": None, "file_size": 5000.0, "bits_per_pixel": 4.0, "jpeg_quality": 90.0, "jpeg_tables": "aa",
        "jpeg_progressive": "baseline", "sound": None, "software": None,
    }  # fmt: skip
