"""Watched sources on the page: the newest picture, the people in it, the events, and the end of the source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing import Watched, small_clip, until
from playwright.sync_api import expect
from serving import serving

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
