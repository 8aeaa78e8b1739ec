"""A browser, a server with the default weights, and a signed-in page that fails on policy violations and on requests to other hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from browsing import EXAMPLES, Watched, browser_path, small_clip
from serving import Served, loads, serving

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
FEWER = quote(json.dumps({"frames": 16}))
"""Frames that the default weights judge of each example: half as many as usual."""

SLOW_MS = 60_000
"""A busy machine takes this long over one thing at the most."""

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: it is in the extra `dev`")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    # For one module: while it is there an event loop runs in this thread, in which later tests could not run theirs.
    with playwright.sync_playwright() as engine:
        try:
            # The sandbox of Chromium does not work for root, as whom containers run.
            started = engine.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(
                f"no browser starts here: {error.message.splitlines()[0]}; apt-get install chromium, or playwright install chromium"
            )
        playwright.expect.set_options(timeout=SLOW_MS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that has judged the two example clips, under a prefix."""
    with serving(tmp_path_factory.mktemp("serve") / "state", base_path="/screening") as started:
        for scan in [started.send(clip, f"settings={FEWER}") for clip in EXAMPLES]:
            started.wait(scan["id"])
        yield started


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two that are judged in a moment."""
    folder = tmp_path_factory.mktemp("clips")
    return small_clip(folder / "first.mp4"), small_clip(folder / "second.mp4", mirrored=True)


@pytest.fixture
def fresh(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[Served]:
    """One that has judged nothing yet, with a tiny network."""
    with serving(tmp_path / "state", checkpoint=tiny_checkpoint) as started:
        yield started


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[Served]:
    """As `fresh`, for all tests of a module; see `emptied`."""
    with serving(tmp_path_factory.mktemp("used") / "state", checkpoint=tiny_checkpoint) as started:
        yield started


@pytest.fixture
def emptied(used: Served) -> Served:
    """A server that keeps nothing, though it may have judged for other tests: whoever sees a scan under way needs a `fresh` one."""
    _, _, body = used.request("GET", "api/v1/scans")
    for scan in loads(body)["scans"]:
        status, _, answer = used.request("DELETE", f"api/v1/scans/{used.wait(scan['id'])['id']}")
        assert status == 204, answer
    return used


@pytest.fixture
def watched(browser: playwright.Browser) -> Iterator[Watched]:
    """A page that has opened nothing yet. What it may not do fails the test in the end."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, locale="en-GB", accept_downloads=True)
    context.set_default_timeout(SLOW_MS)
    one = Watched(context)
    yield one
    one.check()
    context.close()
