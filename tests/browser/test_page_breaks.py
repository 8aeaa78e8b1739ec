"""Reloads, dead servers, dead workers and lost networks: running work continues, and the user is informed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from browsing import Watched, drop, history_row, padded, throttled, until
from playwright.sync_api import expect
from serving import Served, loads

PIECE_BYTES = 8 << 20
FILE_BYTES = 5 * PIECE_BYTES
SLOW_BYTES_PER_SECOND = 6 << 20

DECIDED = re.compile("fake|genuine|undecided")

Clips = tuple[Path, Path]


def test_a_page_loaded_anew_in_the_middle_of_a_job_shows_it_and_its_verdict(watched: Watched, fresh: Served, clips: Clips) -> None:
    page = watched.open(fresh)
    drop(page, *clips)
    until(page, "document.querySelectorAll('.job a.name').length === 2")
    page.reload()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    for clip in clips:
        expect(history_row(page, clip.name)).to_contain_text(DECIDED)
    assert [scan["state"] for scan in _scans(fresh)] == ["done", "done"]


def test_an_upload_goes_on_after_the_page_was_loaded_anew(watched: Watched, fresh: Served, clips: Clips, tmp_path: Path) -> None:
    large = padded(clips[0], tmp_path / "large.mp4", FILE_BYTES)
    page = watched.open(fresh)
    throttled(watched, SLOW_BYTES_PER_SECOND)
    page.set_input_files("#files", large)
    until(page, _sent_more_than(PIECE_BYTES))
    page.reload()
    expect(page.get_by_text("The upload broke off at")).to_be_visible()
    page.set_input_files("#files", large)
    expect(history_row(page, large.name)).to_contain_text(DECIDED, timeout=120_000)
    assert len(_creations(watched)) == 1, "the second half is added to the first"


def test_a_file_that_is_all_there_is_judged_after_the_page_was_loaded_anew(watched: Watched, fresh: Served, clips: Clips) -> None:
    watched.forgive_outages()
    page = watched.open(fresh)
    page.route("**/api/v1/scans", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_role("heading", level=1).click()  # a page that nobody has touched may not ask before it is left
    drop(page, clips[0])
    expect(page.get_by_text("The server does not answer. The upload goes on")).to_be_visible()
    page.unroute("**/api/v1/scans")
    with page.expect_event("dialog") as dialog:
        page.reload()
    assert dialog.value.type == "beforeunload", "a file that was not accepted yet was let go without a word"
    expect(history_row(page, clips[0].name)).to_contain_text(DECIDED)
    expect(page.get_by_text("Under way")).to_be_hidden()
    assert len(_creations(watched)) == len(_scans(fresh)) == 1


def test_a_file_that_was_cancelled_while_the_server_was_away_is_not_judged_later(watched: Watched, fresh: Served, clips: Clips) -> None:
    watched.forgive_outages()
    page = watched.open(fresh)
    page.route("**/api/v1/scans", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.route("**/api/v1/uploads/*", lambda route: route.abort() if route.request.method == "DELETE" else route.continue_())
    drop(page, clips[0])
    expect(page.get_by_text("The server does not answer. The upload goes on")).to_be_visible()
    page.get_by_role("button", name=f"Cancel: {clips[0].name}").click()
    expect(page.get_by_text("Under way")).to_be_hidden()
    page.unroute("**/api/v1/scans")
    page.reload()
    expect(page.get_by_text("Nothing has been screened here yet.")).to_be_visible()
    page.wait_for_timeout(1000)
    assert _scans(fresh) == []


def test_an_upload_outlives_the_server(watched: Watched, fresh: Served, clips: Clips, tmp_path: Path) -> None:
    watched.forgive_outages()
    large = padded(clips[0], tmp_path / "large.mp4", FILE_BYTES)
    page = watched.open(fresh)
    throttled(watched, SLOW_BYTES_PER_SECOND)
    page.set_input_files("#files", large)
    until(page, _sent_more_than(PIECE_BYTES))
    fresh.kill()
    expect(page.get_by_text("The server does not answer.").first).to_be_visible()
    fresh.start()
    expect(page.get_by_text("Connected again.")).to_be_visible()
    expect(history_row(page, large.name)).to_contain_text(DECIDED, timeout=120_000)
    assert len(_creations(watched)) == 1
    assert len(_scans(fresh)) == 1


def test_jobs_outlive_the_server(watched: Watched, fresh: Served, clips: Clips) -> None:
    watched.forgive_outages()
    page = watched.open(fresh)
    drop(page, *clips)
    until(page, "document.querySelectorAll('.job a.name').length === 2")
    fresh.kill()
    expect(page.get_by_text("The server does not answer.").first).to_be_visible()
    expect(page.get_by_text("What it has accepted is kept").first).to_be_visible()
    fresh.start()
    expect(page.get_by_text("Connected again.")).to_be_visible()
    for clip in clips:
        expect(history_row(page, clip.name)).to_contain_text(DECIDED)
    assert [scan["state"] for scan in _scans(fresh)] == ["done", "done"]


def test_a_job_outlives_its_worker(watched: Watched, fresh: Served, clips: Clips) -> None:
    page = watched.open(fresh)
    drop(page, clips[0])
    expect(page.get_by_text("Judging:")).to_be_visible()
    for pid in fresh.worker_pids():
        os.kill(pid, signal.SIGKILL)
    expect(history_row(page, clips[0].name)).to_contain_text(DECIDED, timeout=120_000)
    assert len(_scans(fresh)) == 1


def test_jobs_and_uploads_are_called_off(watched: Watched, fresh: Served, clips: Clips, tmp_path: Path) -> None:
    large = padded(clips[0], tmp_path / "large.mp4", FILE_BYTES)
    page = watched.open(fresh)
    drop(page, clips[1])
    page.get_by_role("link", name=clips[1].name).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Called off")).to_be_visible()
    page.get_by_role("link", name="All scans").click()
    expect(history_row(page, clips[1].name)).to_contain_text("Called off before there was a verdict")
    throttled(watched, SLOW_BYTES_PER_SECOND)
    page.set_input_files("#files", large)
    until(page, _sent_more_than(0))
    # The server has not noticed yet that the piece on its way will never be whole, and asks to come again.
    watched.forgiven += ("423",)
    with page.expect_request(lambda request: request.method == "DELETE" and "/uploads/" in request.url):
        page.get_by_role("button", name=f"Cancel: {large.name}").click()
    expect(page.get_by_text("Under way")).to_be_hidden()
    assert [scan["state"] for scan in _scans(fresh)] == ["cancelled"]


def test_two_pages_see_the_same(watched: Watched, fresh: Served, clips: Clips) -> None:
    page = watched.open(fresh)
    other = watched.context.new_page()
    other.goto(fresh.url)
    other.wait_for_selector("main h1")
    drop(page, clips[0])
    expect(other.get_by_role("progressbar", name=clips[0].name)).to_be_visible()
    expect(history_row(other, clips[0].name)).to_contain_text(DECIDED)


def _sent_more_than(size_bytes: int) -> str:
    return f"(document.querySelector('.job progress')?.value ?? 0) * {FILE_BYTES} > {size_bytes}"


def _creations(watched: Watched) -> list[str]:
    """Requests that began an upload."""
    return [one.url for one in watched.requests if one.method == "POST" and one.url.endswith("/uploads")]


def _scans(server: Served) -> list[dict[str, object]]:
    _, _, body = server.request("GET", "api/v1/scans")
    return list(loads(body)["scans"])
