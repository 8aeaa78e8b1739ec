"""The web pages: self-contained, balanced, safe for any name, and true to the verdict."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web_pages import read, words

from screener.errors import OutputError
from screener.records import Scene, Verdict
from screener.report import ReportFolder, page_name, write_index, write_page
from screener.report.html import page_html

ADDRESSES = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"}


def assert_self_contained(page: str, scripts: int = 0) -> None:
    """scripts: the index has one, which its policy names by its hash."""
    elements = read(page).elements
    tags = Counter(tag for tag, _ in elements)
    assert not tags.keys() & {"iframe", "object", "embed", "base", "form"}
    assert tags["script"] == scripts
    assert all(attributes["rel"] == "icon" for tag, attributes in elements if tag == "link")
    for tag, attributes in elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ADDRESSES & set(attributes):
            assert (attributes[name] or "").startswith(("data:image/", "#")) or (tag == "a" and "//" not in (attributes[name] or ""))
    assert not re.search(r"https?:|@import|url\(", page)
    policy = next(a["content"] or "" for t, a in elements if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)]
    assert re.findall(r"script-src '([^']*)'", policy) == [f"sha256-{digest}" for digest in digests]


def test_pages_are_balanced_and_self_contained(verdict: Verdict) -> None:
    assert_self_contained(page_html(verdict))


@settings(deadline=None, max_examples=50)
@given(source=st.text(st.characters(codec=None), min_size=1))
def test_any_name_is_only_text(verdicts: dict[str, Verdict], source: str) -> None:
    plain, page = page_html(verdicts["no_face"]), page_html(replace(verdicts["no_face"], source=source))
    assert Counter(tag for tag, _ in read(page).elements) == Counter(tag for tag, _ in read(plain).elements)
    assert all(c.isprintable() or c in "\n\xa0" for c in page)
    assert page.count("\xa0") == plain.count("\xa0")
    page.encode("utf-8")


def test_markup_in_every_text_is_only_text(verdicts: dict[str, Verdict]) -> None:
    attack = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = page_html(
        replace(
            verdicts["three_people"],
            source=attack,
            detail=attack,
            checkpoint={"name": attack, "sha256": "0", attack: [attack, {"a": attack}]},
            settings={attack: attack},
            versions={"screener": attack},
            timing_seconds={attack: 1.0},
            video=replace(verdicts["three_people"].video, codec=attack, reader=attack),
        )
    )
    assert_self_contained(page)
    assert attack in words(page)


def test_the_numbers_are_those_of_the_verdict(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["three_people"]
    text = words(page_html(verdict))
    assert "Judged fake : person 2, from 0:02.1 to 0:07.4" in text
    assert "The score, that of person 2, is 0.93 on a scale from 0" in text
    assert "runs from 0.86 to 0.97" in text
    assert "at or above the threshold of 0.61" in text
    assert "false-positive rate of 5 %" in text
    assert "on 120 genuine videos" in text
    assert "from 0.42 up to the threshold is left undecided" in text
    assert "300 frames decoded, without decoding errors. 32 were to be judged; a face was judged in 32." in text
    assert "Its frame rate varies." in text
    assert verdict.sha256 is not None
    assert verdict.sha256 in text
    for limit in ("first set, second set", "Few.", "A score is not proof."):
        assert limit in text
    rows = re.findall(r'<tr><td>.*?</td><td class="number">(\d+)</td><td class="number">(\d+)</td><td[^>]*>([\d.]+)<', page_html(verdict))
    numbers = {"1": 1, "2": 4, "3": 7}
    assert sorted((numbers[n], int(i), float(p)) for i, n, p in rows) == sorted(
        (f.track_id, f.frame_index, round(f.p_fake, 4)) for f in verdict.frames
    )


def test_a_file_that_was_not_decoded_whole_is_not_said_to_be(verdicts: dict[str, Verdict]) -> None:
    whole = verdicts["three_people"]
    assert whole.coverage == "complete"
    assert "read to its end" in words(page_html(whole))
    text = words(page_html(replace(whole, warnings=("damage_unverified",))))
    assert "300 frames decoded. 32 were to be judged" in text and "does not tell of damage inside them" in text
    text = words(page_html(replace(whole, warnings=("sparse",))))
    assert "read to its end" not in text
    assert "frames from all over the input were picked out" in text


def test_crops_are_inside_the_page_with_their_time_and_score(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["three_people"]
    images = [a for t, a in read(page_html(verdict)).elements if t == "img"]
    assert len(images) == sum(f.thumbnail_rgb is not None for f in verdict.frames)
    assert all((a["src"] or "").startswith("data:image/jpeg;base64,") for a in images)
    assert (images[0]["alt"] or "").startswith("Face of person 2 at 0:02.4, score 0.97")


def test_the_index_shows_the_face_that_decides(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    folder = ReportFolder(tmp_path)
    page = read(folder.add(verdicts["three_people"]).read_text(encoding="utf-8"))
    folder.add(verdicts["no_face"])
    (icon,) = [a["href"] for t, a in page.elements if t == "link"]
    images = [a["src"] for t, a in read(folder.finish().read_text(encoding="utf-8")).elements if t == "img"]
    assert images == [icon]
    assert str(icon).startswith("data:image/jpeg;base64,")


def test_marks_stand_in_time_order_on_the_page(verdicts: dict[str, Verdict]) -> None:
    page = page_html(verdicts["genuine"])
    across = [float(x) for x in re.findall(r'<use class="mark[^"]*" href="#mark-circle" x="([\d.]+)%"', page)]
    assert len(across) == 32
    assert across == sorted(across)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_face", "There is no score: no one in it could be judged."),
        ("unreadable", "No such file; check the path."),
        ("partial_fake", "Partial: it ends before its header says it should. 300 frames decoded of 330"),
        ("partial_fake", "12 decoding errors"),
        ("passer_by", "1 person seen in passing could not be judged."),
    ],
)
def test_sentences(verdicts: dict[str, Verdict], name: str, sentence: str) -> None:
    assert sentence in words(page_html(verdicts[name]))


def test_a_page_of_a_watch_does_not_say_that_all_was_read(verdicts: dict[str, Verdict]) -> None:
    genuine = verdicts["genuine"]
    page = words(page_html(replace(genuine, video=replace(genuine.video, reader="live"))))
    assert "read to its end" in words(page_html(genuine)) and "read to its end" not in page
    assert "Complete: it was watched without a gap as it played" in page


def test_a_page_without_a_score_tells_whether_anyone_was_judged(verdicts: dict[str, Verdict]) -> None:
    genuine = verdicts["genuine"]
    (person,) = genuine.people
    outside = replace(person, outcome="undecided", reasons=("out_of_range",))
    page = words(page_html(replace(genuine, outcome="undecided", p_fake=None, interval=None, reasons=("out_of_range",), people=(outside,))))
    assert "There is no score: no one in it could be judged well enough." in page


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("three_people", ["How sure", "How much was judged", "When", "Who", "Statement"]),
        ("still", ["How sure", "How much was judged", "Who", "Statement"]),
        ("no_face", ["How sure", "How much was judged", "Statement"]),
        ("unreadable", ["How much was judged", "Statement"]),
    ],
)
def test_a_section_with_nothing_in_it_is_left_out(verdicts: dict[str, Verdict], name: str, heads: list[str]) -> None:
    assert re.findall(r"<h2>(.*?)</h2>", page_html(verdicts[name])) == heads


def test_the_limits_stand_under_the_headline(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["genuine"]
    measured = {**verdict.operating_point, "real_videos": 114, "reals_called_fake": 5, "fake_videos": 41, "fakes_found": 9}
    text = words(page_html(replace(verdict, operating_point=measured)))
    # Wilson's 95 %: 9 of 41 is 12.0 to 36.7 %, 5 of 114 is 1.9 to 9.9 %.
    assert "find about 22 of 100 manipulated videos of the kinds they were measured on (12 to 37)" in text
    assert "call about 4 of 100 genuine ones fake (2 to 10)" in text
    assert text.index("These weights find") < text.index("How sure")
    assert "These weights find" not in words(page_html(verdict))


def test_the_whole_frame_has_a_numbered_box_for_each_face_in_it(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["three_people"]
    at = next(face for face in verdict.frames if face.track_id == 4 and face.p_fake > 0.9)
    scene = Scene(np.full((360, 640, 3), 90, np.uint8), (1280, 720), at.frame_index, at.pts_seconds)
    page = page_html(replace(verdict, scene=scene))
    assert_self_contained(page)
    boxes = re.findall(
        r'<g class="(\w+)"><rect class="box" x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"/>.*?>(\d)</text>', page
    )
    there = [face.track_id for face in verdict.frames if face.frame_index == at.frame_index]
    assert sorted(int(number) for *_, number in boxes) == sorted({1: 1, 4: 2, 7: 3}[track] for track in there)
    assert ("fake", "100.2", "-3.0", "79.8", "80.0", "2") in boxes
    assert 'viewBox="0 0 1280 720"' in page
    assert 'class="scene"' not in page_html(verdict)


def test_a_page_in_a_folder_says_when_and_leads_back_to_the_index(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    verdict = replace(verdicts["genuine"], scanned_at="2026-11-29T02:11:03Z")
    folder = ReportFolder(tmp_path)
    page = read(folder.add(verdict).read_text(encoding="utf-8"))
    assert [a["href"] for t, a in page.elements if t == "a"] == ["index.html"]
    assert "2026-11-29 02:11 UTC" in words(folder.finish().read_text(encoding="utf-8"))
    assert "all inputs" not in words(page_html(verdict))


def test_what_thousands_of_frames_leave_out_is_said(verdicts: dict[str, Verdict]) -> None:
    text = words(page_html(verdicts["every_frame"]))
    assert "the line runs through the lowest and the highest score" in text
    assert "200 later ones are left out here" in text


def test_a_threshold_set_by_hand_has_no_rate(verdicts: dict[str, Verdict]) -> None:
    text = words(page_html(replace(verdicts["genuine"], operating_point={})))
    assert "set by hand" in text
    assert "false-positive" not in text


def test_a_folder_of_pages_and_its_index(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    named = [replace(verdict, source=f"in/{name}.mp4") for name, verdict in verdicts.items()]
    folder = ReportFolder(tmp_path / "new" / "report")
    pages = [folder.add(verdict) for verdict in named]
    index = folder.finish().read_text(encoding="utf-8")
    assert_self_contained(index, scripts=1)
    links = [a["href"] for t, a in read(index).elements if t == "a"]
    assert sorted(str(link) for link in links) == sorted(page.name for page in pages)
    assert all(page.is_file() for page in pages)
    assert "8 inputs, 3 judged fake" in words(index)
    tags = re.findall(r'<span class="tag \w+">([\w ]+)</span>', index)
    assert tags == ["fake"] * 3 + ["undecided"] * 2 + ["not found"] + ["genuine"] * 2
    write_index(named, tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == index


@settings(deadline=None, max_examples=50)
@given(source=st.text(st.characters(codec=None), min_size=1, max_size=300))
def test_page_names_are_plain(verdicts: dict[str, Verdict], source: str) -> None:
    name = page_name(replace(verdicts["no_face"], source=source))
    assert re.fullmatch(r"[^\W_][\w.-]{0,90}\.html", name)
    assert name != "index.html" and len(name.encode()) <= 255


def test_the_longest_page_name_fits_into_a_file_name_with_any_suffix(verdicts: dict[str, Verdict]) -> None:
    name = page_name(replace(verdicts["no_face"], source="\U0001d4fc" * 61 + ".mp4"))
    assert len(name.removesuffix(".html").encode()) + len(".fcpxml") <= 255


@pytest.mark.parametrize("source", ["Ausflug nach Köln.mp4", "видео/Москва.mp4", "東京.mp4"])
def test_page_names_keep_letters_of_every_script(source: str, verdicts: dict[str, Verdict]) -> None:
    readable = source.rpartition("/")[2].replace(" ", "_")
    assert page_name(replace(verdicts["no_face"], source=source)).startswith(f"{readable}-")


def test_pages_of_earlier_runs_stay_in_the_index(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    first, second = (replace(verdicts["no_face"], source=name) for name in ("größer.mp4", "b.mp4"))
    for each in (first, second):
        folder = ReportFolder(tmp_path)
        folder.add(each)
        index = folder.finish().read_text(encoding="utf-8")
    links = [unquote(str(a["href"])) for t, a in read(index).elements if t == "a"]
    assert links == [page_name(second), page_name(first)]
    assert all((tmp_path / link).is_file() for link in links)
    assert "1 input, none judged fake" in words(index) and "Pages of earlier runs" in words(index)


def test_equal_names_in_different_folders_get_their_own_pages(verdicts: dict[str, Verdict]) -> None:
    names = {page_name(replace(verdicts["no_face"], source=source)) for source in ("a/clip.mp4", "b/clip.mp4", "b\\clip.mp4")}
    assert len(names) == 3


def test_a_page_that_cannot_be_written_is_an_output_error(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    with pytest.raises(OutputError, match="missing"):
        write_page(verdicts["no_face"], tmp_path / "missing" / "page.html")


def test_a_folder_with_planted_links_is_written_to_and_nothing_beyond_it(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    pages, elsewhere = tmp_path / "pages", tmp_path / "elsewhere"
    pages.mkdir()
    elsewhere.mkdir()
    verdict = replace(verdicts["no_face"], source="../../elsewhere/clip.mp4")
    for name in (page_name(verdict), "index.html"):
        (pages / name).symlink_to(elsewhere / name)
    folder = ReportFolder(pages)
    folder.add(verdict)
    folder.finish()
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in pages.iterdir()) == sorted(["index.html", page_name(verdict)])
    assert not any(path.is_symlink() for path in pages.iterdir())


def test_the_index_lists_pages_of_an_earlier_run(tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    named = [replace(verdict, source=f"in/{name}.mp4") for name, verdict in verdicts.items()]
    folder = ReportFolder(tmp_path)
    for verdict in named:
        folder.add(verdict)
    index = folder.finish().read_text(encoding="utf-8")
    again = ReportFolder(tmp_path)
    for verdict in named:
        kept = again.kept_page(verdict.source)
        assert kept is not None
        assert kept[0] == page_name(verdict)
        again.enlist(verdict)
    assert again.finish().read_text(encoding="utf-8") == index
    assert again.kept_page("in/other.mp4") is None
