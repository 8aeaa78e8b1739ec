"""A user drops clips, follows the progress, reads the verdict, plays the video, shares the report, and finds it again."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
from browsing import FAKE, GENUINE, Watched, drop, history_row, until
from playwright.sync_api import expect
from serving import Served

BOX_PIXELS = """() => {
    const canvas = document.querySelector("canvas");
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, at) => at % 4 === 3 && value > 0).length;
}"""


def test_two_clips_are_dropped_and_both_get_their_verdict(watched: Watched, fresh: Served, clips: tuple[Path, Path]) -> None:
    page = watched.open(fresh)
    expect(page.get_by_text("Nothing has been screened here yet")).to_be_visible()
    drop(page, *clips, last="dragover")
    expect(page.get_by_text("Drop the files to have them screened")).to_be_visible()
    drop(page, *clips)
    expect(page.get_by_text("Drop the files to have them screened")).to_be_hidden()
    for clip in clips:
        expect(page.get_by_role("progressbar", name=clip.name)).to_be_visible()
    expect(page.get_by_text(re.compile(r"Judging: \d+ of \d+ frames")).first).to_be_visible()
    for clip in clips:
        expect(history_row(page, clip.name)).to_contain_text(re.compile("fake|genuine|undecided"))
    expect(page.get_by_text("Under way")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text(re.compile(r"\.mp4: (Judged fake|Genuine|Undecided)"))
    assert {scan["state"] for scan in _scans(fresh)} == {"done"}


def test_the_verdict_says_who_when_how_sure_and_what_it_rests_on(watched: Watched, server: Served) -> None:
    page = watched.open(server)
    page.get_by_role("link", name=FAKE.name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"^Judged fake: the only person in it, from 0:0\d\.\d to 0:0\d\.\d$")
    )
    for title in ("When", "How sure", "How much was judged", "Who", "Statement"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.get_by_text("A score is not proof.")).to_be_visible()
    expect(page.locator(".crops img").first).to_be_visible()
    assert page.title() == f"{FAKE.name} - screener"


def test_the_history_is_there_while_many_scans_wait(watched: Watched, fresh: Served, clips: tuple[Path, Path]) -> None:
    fresh.wait(fresh.send(clips[0], name="first.mp4")["id"])
    for number in range(90):
        fresh.send(clips[1], "force=true", name=f"later {number}.mp4")
    page = watched.open(fresh)
    expect(history_row(page, "first.mp4")).to_be_visible(timeout=5000)
    assert fresh.request("GET", "api/v1/scans?state=queued&limit=1")[2].count(b'"queued"') == 1, "none waited any more"


def test_a_score_of_many_places_fits_a_narrow_window(watched: Watched, emptied: Served, clips: tuple[Path, Path]) -> None:
    scan = emptied.wait(emptied.send(clips[0])["id"])
    assert scan["verdict"]["p_fake"] < 0.005, "two places would be enough for this score"
    page = watched.open(emptied)
    page.set_viewport_size({"width": 360, "height": 740})
    expect(history_row(page, clips[0].name)).to_be_visible()
    assert page.locator(".figure b").evaluate("(score) => score.scrollWidth <= score.clientWidth"), "it sticks out of its place"


def test_an_address_that_is_no_sound_one_leads_to_the_scans(watched: Watched, used: Served) -> None:
    page = watched.open(used, "#/%")
    expect(page.get_by_role("heading", name="Screen video for face forgery")).to_be_visible()
    page.evaluate("location.hash = '#/nothing%'")
    until(page, "location.hash === '#/'")


def test_what_could_not_be_judged_offers_no_findings_to_draw(watched: Watched, emptied: Served, tmp_path: Path) -> None:
    for clip, content in ((tmp_path / "notes.mp4", b"no video\n" * 9), (tmp_path / "face.png", _picture())):
        clip.write_bytes(content)
        emptied.wait(emptied.send(clip)["id"])
    page = watched.open(emptied)
    page.get_by_role("link", name="notes.mp4").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Undecided")
    expect(page.get_by_text("To see the findings drawn")).to_be_hidden()
    page.go_back()
    page.get_by_role("link", name="face.png").click()
    expect(page.get_by_text("To see the findings drawn over the picture")).to_be_visible()


def test_the_users_own_video_plays_with_boxes_and_seeks_by_segment(watched: Watched, server: Served) -> None:
    page = watched.open(server)
    page.get_by_role("link", name=FAKE.name).click()
    stretch = page.get_by_role("button", name="Play person 1 from")
    expect(stretch).to_be_disabled()
    _choose(page, GENUINE)
    expect(page.get_by_text(f"{GENUINE.name} is not the file that was judged.")).to_be_visible()
    _choose(page, FAKE)
    video = page.locator("video")
    expect(video).to_have_attribute("src", re.compile("^blob:"))
    until(page, "document.querySelector('video')?.readyState >= 2")
    page.evaluate("document.querySelector('video').currentTime = 3.5")
    until(page, f"({BOX_PIXELS})() > 500")
    stretch.click()
    until(page, "(() => { const v = document.querySelector('video'); return v.currentTime > 0 && v.currentTime < 2 && !v.paused; })()")
    expect(page.locator(".playhead")).to_be_visible()
    page.get_by_role("button", name="Show 0:0").first.click()
    until(page, "document.querySelector('video').currentTime > 0")
    page.get_by_label("Boxes over the faces").uncheck()
    until(page, f"({BOX_PIXELS})() === 0")
    sent = [request.url for request in watched.requests if request.method == "POST" and not request.url.endswith("/login")]
    assert not sent, "the video is played from this computer, and not sent anywhere"


def test_a_click_on_the_timeline_seeks_to_that_moment(watched: Watched, server: Served) -> None:
    page = watched.open(server)
    page.get_by_role("link", name=GENUINE.name).click()
    _choose(page, GENUINE)
    until(page, "document.querySelector('video')?.readyState >= 2")
    track = page.locator(".track").first
    box = track.bounding_box()
    track.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    until(page, "Math.abs(document.querySelector('video').currentTime - 3) < 0.9")


def test_the_report_opens_in_a_tab_and_is_given_to_share(watched: Watched, server: Served, tmp_path: Path) -> None:
    page = watched.open(server)
    page.get_by_role("link", name=FAKE.name).click()
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open the report").click()
    expect(popup.value.get_by_role("heading", level=1)).to_contain_text("Judged fake")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download to share").click()
    assert download.value.suggested_filename == f"{FAKE.name}.html"
    download.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Judged fake" in text
    assert not re.search(r"(?:src|href)=\"https?:", text), "it needs nothing from outside"


def test_markers_are_offered_for_editing_programs(watched: Watched, server: Served, tmp_path: Path) -> None:
    page = watched.open(server)
    page.get_by_role("link", name=FAKE.name).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="WebVTT").click()
    assert download.value.suggested_filename == f"{FAKE.name}.vtt"
    download.value.save_as(tmp_path / "markers.vtt")
    assert "Person 1: FAKE" in (tmp_path / "markers.vtt").read_text(encoding="utf-8")


def test_the_history_is_filtered_and_searched(watched: Watched, server: Served) -> None:
    page = watched.open(server)
    expect(page.locator(".scan")).to_have_count(2)
    expect(page.locator(".scan img").first).to_have_js_property("complete", True)
    page.get_by_label("Genuine", exact=True).check()
    expect(page.locator(".scan")).to_have_count(1)
    expect(history_row(page, GENUINE.name)).to_be_visible()
    page.get_by_label("Undecided", exact=True).check()
    expect(page.get_by_text("Nothing fits this filter.")).to_be_visible()
    page.get_by_label("All", exact=True).check()
    page.get_by_label("Search names").fill("MANIP")
    expect(page.locator(".scan")).to_have_count(1)
    expect(history_row(page, FAKE.name)).to_be_visible()


def test_what_is_known_is_not_judged_again_unless_it_is_asked_for(watched: Watched, emptied: Served, clips: tuple[Path, Path]) -> None:
    emptied.wait(emptied.send(clips[0])["id"])
    page = watched.open(emptied)
    drop(page, clips[0])
    expect(page.get_by_text("judged before")).to_be_visible()
    assert len(_scans(emptied)) == 1
    page.get_by_role("link", name="Show it").click()
    expect(page.locator("video")).to_be_visible()
    page.get_by_role("button", name="Judge again").click()
    expect(page.locator(".scan")).to_have_count(2)


def test_a_scan_is_erased_after_a_question(watched: Watched, emptied: Served, clips: tuple[Path, Path]) -> None:
    scan = emptied.wait(emptied.send(clips[0])["id"])
    page = watched.open(emptied, f"#/scans/{scan['id']}")
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("button", name="Keep it").click()
    assert _scans(emptied)
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_text("Nothing has been screened here yet")).to_be_visible()
    assert not _scans(emptied)


def test_what_is_no_video_gets_its_reason_and_what_is_empty_is_not_sent(watched: Watched, emptied: Served, tmp_path: Path) -> None:
    page = watched.open(emptied)
    notes, empty = tmp_path / "notes.txt", tmp_path / "empty.mp4"
    notes.write_text("no picture at all\n", encoding="utf-8")
    empty.touch()
    drop(page, notes, empty)
    expect(page.get_by_text("The file is empty.").first).to_be_visible()
    page.get_by_role("button", name=f"Dismiss: {empty.name}").click()
    expect(history_row(page, notes.name)).to_contain_text("undecided")
    page.get_by_role("link", name=notes.name).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Undecided")
    assert len(_scans(emptied)) == 1


def _choose(page, clip: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose the file").click()
    chooser.value.set_files(clip)


def _scans(server: Served) -> list[dict[str, object]]:
    from serving import loads

    _, _, body = server.request("GET", "api/v1/scans")
    return list(loads(body)["scans"])


def _picture() -> bytes:
    """The first frame of an example."""
    return bytes(cv2.imencode(".png", cv2.VideoCapture(str(GENUINE)).read()[1])[1])
