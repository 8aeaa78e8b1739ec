"""Watched sources on the page: the newest picture, the people in it, the events, the end of the source, and servers that fall silent."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from browsing import Watched, small_clip, until
from playwright.sync_api import expect
from serving import Served, serving

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: it is in the extra `dev`")


def test_a_watched_source_is_seen_until_it_ends(watched: Watched, tmp_path: Path, tiny_checkpoint: Path) -> None:
    source, other = small_clip(tmp_path / "camera.mp4", frames=60), small_clip(tmp_path / "studio.mp4", mirrored=True, frames=15)
    with serving(tmp_path / "state", "--live", str(source), "--live", str(other), checkpoint=tiny_checkpoint) as server:
        page = watched.open(server)
        page.get_by_role("link", name="Live", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(Live|Genuine|Undecided|Looks fake): "))
        until(page, "document.querySelector('.live .media').naturalWidth > 0")
        expect(page.locator(".live-people li").first).to_contain_text(re.compile(r"Person \d+"))
        found = axe.Axe().run(page)
        assert not found.response["violations"], found.generate_report()
        expect(page.locator(".live-events li").first).to_be_visible()
        page.get_by_role("link", name="studio.mp4").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ended: nothing more will come")
        expect(page.locator(".live-people")).to_have_text("Not known.")
        page.get_by_role("link", name="Scans", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Screen video for face forgery")


def test_what_a_silent_server_said_is_withdrawn_until_it_speaks_again(watched: Watched, tmp_path: Path, tiny_checkpoint: Path) -> None:
    watched.forgive_outages()
    with serving(tmp_path / "state", "--live", str(_long_clip(tmp_path)), checkpoint=tiny_checkpoint) as server:
        page = watched.open(server, "#/live")
        _expect_somebody(page)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        try:
            _expect_withdrawn(page)
        finally:
            server.process.send_signal(signal.SIGCONT)
        _expect_somebody(page)


def test_a_source_is_shown_again_after_a_proxy_answered_for_the_server(watched: Watched, tmp_path: Path, tiny_checkpoint: Path) -> None:
    watched.forgive_outages()
    watched.forgiven += ("502", "401")
    with serving(tmp_path / "state", "--live", str(_long_clip(tmp_path)), checkpoint=tiny_checkpoint) as server:
        page = watched.open(server, "#/live")
        _expect_somebody(page)
        page.route("**/api/v1/**", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>"))
        with page.expect_response(lambda response: response.url.endswith("/live/0/events") and response.status == 502):
            _start_again(server)
        _expect_withdrawn(page)
        page.unroute("**/api/v1/**")
        _expect_somebody(page)
        watched.context.clear_cookies()
        _start_again(server)
        page.wait_for_url(f"{server.url}login")


def _long_clip(folder: Path) -> Path:
    """One that does not end during a test."""
    return small_clip(folder / "camera.mp4", frames=3 * 600)


def _start_again(server: Served) -> None:
    server.kill()
    server.start()


def _expect_somebody(page: Any) -> None:
    expect(page.locator(".live-people")).to_contain_text(re.compile(r"Person \d+"))
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(Genuine|Undecided|Looks fake): "))
    expect(page.locator(".live .media")).not_to_have_class(re.compile("old"))


def _expect_withdrawn(page: Any) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting: no word from the server")
    expect(page.get_by_text("What was judged before no longer counts.")).to_be_visible()
    expect(page.locator(".live-people")).to_have_text("Not known.")
    expect(page.locator("#band")).to_have_class("band undecided")
    expect(page.locator(".live .media")).to_have_class(re.compile("old"))
