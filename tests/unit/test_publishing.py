"""Facts stated in several places agree: name, version, links between pages, the lock file."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from screener.runtime.versions import DISTRIBUTION, versions

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("weights/*.md"), *ROOT.glob("examples/*.md")])
PAGES = [page for page in PAGES if "_build" not in page.parts]
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def test_the_distribution_has_one_name_and_one_version() -> None:
    assert PROJECT["name"] == DISTRIBUTION == metadata.metadata(DISTRIBUTION)["Name"]
    assert versions()["screener"] == metadata.version(DISTRIBUTION) == PROJECT["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {PROJECT['version']}\n" in citation
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_lock_file_is_of_this_project_and_from_the_public_index() -> None:
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    (own,) = [package for package in locked if package["name"] == DISTRIBUTION]
    assert {one["name"] for one in own["dependencies"]} == {re.split(r"[<>=\[]", one)[0] for one in PROJECT["dependencies"]}
    assert {one["source"].get("registry") for one in locked if one is not own} == {"https://pypi.org/simple"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_what_is_there(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    assert LINK.findall("[a](b.md), [](c/d.md#e), [f](https://g), ![h](i.png)") == ["b.md", "c/d.md", "i.png"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_installs_another_package_of_that_name(page: Path) -> None:
    asked = re.findall(r"(?:pip|tool) install (?:-\S+ )*['\"]?(screener[\w.-]*)", page.read_text(encoding="utf-8"))
    assert set(asked) <= {DISTRIBUTION}


def test_the_package_says_that_it_is_typed_and_carries_its_licences() -> None:
    assert (ROOT / "screener" / "py.typed").is_file()
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
