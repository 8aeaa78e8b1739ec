"""The public names: each is what it says, whatever part of the package was imported before."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

import screener

EVERYTHING = """
import importlib, pkgutil, screener
before = {name: getattr(screener, name) for name in screener.__all__}
for module in pkgutil.walk_packages(screener.__path__, "screener."):
    if module.name != "screener.__main__":
        importlib.import_module(module.name)
assert all(getattr(screener, name) is thing for name, thing in before.items())
assert callable(screener.scan) and callable(screener.live)
"""


def test_public_names_survive_the_import_of_every_module() -> None:
    """A module `screener.scan` would take the place of the function as soon as anyone imports it."""
    subprocess.run([sys.executable, "-c", EVERYTHING], check=True, timeout=120)


@pytest.mark.parametrize("name", screener.__all__)
def test_no_module_is_called_as_a_public_name(name: str) -> None:
    assert importlib.util.find_spec(f"screener.{name}") is None
    assert getattr(screener, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        screener.nothing  # noqa: B018
