"""The page by keyboard alone, with a screen reader, in dark mode, on a phone, and before signing in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsing import FAKE, GENUINE, Watched, drop, history_row, until
from playwright.sync_api import expect
from serving import Served

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: it is in the extra `dev`")

LOOKS = {"light": ("light", 1000), "dark": ("dark", 1000), "phone": ("light", 390)}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_view(watched: Watched, server: Served, look: str) -> None:
    scheme, width = LOOKS[look]
    page = watched.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{server.url}login")
    _examine(page)
    watched.open(server)
    expect(page.locator(".scan")).to_have_count(2)
    _examine(page)
    page.get_by_role("link", name=FAKE.name).click()
    expect(page.locator(".crops img").first).to_be_visible()
    _examine(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose the file").click()
    chooser.value.set_files(FAKE)
    until(page, "document.querySelector('video')?.readyState >= 2")
    _examine(page)
    page.get_by_role("button", name="Erase").click()
    _examine(page)
    page.keyboard.press("Escape")
    page.goto(f"{server.url}#/live")
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    _examine(page)


def test_axe_finds_nothing_while_nothing_is_there_and_while_something_is_wrong(watched: Watched, emptied: Served, tmp_path: Path) -> None:
    page = watched.open(emptied)
    expect(page.get_by_text("Nothing has been screened here yet")).to_be_visible()
    _examine(page)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    drop(page, empty)
    expect(page.get_by_role("button", name="Dismiss: empty.mp4")).to_be_visible()
    _examine(page)
    page.goto(f"{emptied.url}#/scans/{'0' * 32}")
    watched.forgiven += ("404",)
    expect(page.get_by_text("There is no such scan")).to_be_visible()
    _examine(page)


def test_the_way_from_file_to_report_by_keyboard_alone(watched: Watched, server: Served) -> None:
    page = watched.open(server)
    expect(page.locator(".scan")).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    _tab_to(page, "Choose files")
    with page.expect_file_chooser():
        page.keyboard.press("Enter")
    _tab_to(page, "Outcome: All")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scan")).to_have_count(1)
    _tab_to(page, FAKE.name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    _tab_to(page, "Choose the file")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(FAKE)
    until(page, "document.querySelector('video')?.readyState >= 2")
    page.evaluate("document.querySelector('video').currentTime = 3.5")
    _tab_to(page, "Play person 1 from", back=True)
    page.keyboard.press("Enter")
    until(page, "document.querySelector('video').currentTime < 2")
    _tab_to(page, "Open the report", back=True)
    with page.expect_popup() as popup:
        page.keyboard.press("Enter")
    expect(popup.value.get_by_role("heading", level=1)).to_contain_text("Judged fake")


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_wider_than_the_screen_and_the_colours_are_those_asked_for(watched: Watched, server: Served, look: str) -> None:
    scheme, width = LOOKS[look]
    page = watched.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    watched.open(server)
    expect(history_row(page, GENUINE.name)).to_be_visible()
    brightness = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0) / 3"
    )
    assert brightness < 60 if scheme == "dark" else brightness > 200
    for view in ("Scans", FAKE.name):
        page.get_by_role("link", name=view).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_who_has_no_session_signs_in_and_out(watched: Watched, server: Served) -> None:
    page = watched.page
    watched.forgiven += ("401",)
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Token").fill("not the token, but long enough")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token").fill(server.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Screen video for face forgery")).to_be_visible()
    expect(page.get_by_label("Search names")).to_be_visible()
    watched.context.clear_cookies()
    page.get_by_label("Search names").fill("anything")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    watched.open(server)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_link_that_the_server_prints_signs_in(watched: Watched, emptied: Served) -> None:
    watched.page.goto(emptied.link)
    expect(watched.page.get_by_role("heading", name="Screen video for face forgery")).to_be_visible()
    watched.page.goto("about:blank")
    watched.context.clear_cookies()
    watched.forgiven += ("401",)
    watched.page.goto(emptied.link)
    expect(watched.page.get_by_role("alert")).to_contain_text("used before")


def _examine(page: Any) -> None:
    """Every rule of WCAG 2.2 and of good practice that axe knows."""
    found = axe.Axe().run(page)
    assert not found.response["violations"], found.generate_report()


def _tab_to(page: Any, name: str, back: bool = False) -> None:
    """Tab (or Shift-Tab) until something of that name, label or text has the focus."""
    told = """() => { const one = document.activeElement; const group = one.closest("fieldset")?.querySelector("legend")?.textContent;
        const own = one.getAttribute("aria-label") ?? (one.labels?.[0] ?? one).textContent; return group ? `${group}: ${own}` : own; }"""
    seen = []
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        seen.append(page.evaluate(told))
        if seen[-1].startswith(name):
            return
    raise AssertionError(f"{name} is not reached by keyboard: {seen}")
