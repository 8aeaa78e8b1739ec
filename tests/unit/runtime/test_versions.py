"""The versions that are recorded with a result."""

from __future__ import annotations

import platform
from importlib import metadata

import numpy
import torch

from screener.runtime import versions as module
from screener.runtime.versions import versions


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == numpy.__version__
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert set(found) == {"python", *module.PACKAGES}


def test_a_missing_package_is_said_to_be_missing() -> None:
    assert module._version("no-such-package-anywhere") == "not installed"
    assert module._version("numpy") == metadata.version("numpy")


def test_a_caller_may_change_what_it_got() -> None:
    versions()["numpy"] = "changed"
    assert versions()["numpy"] == numpy.__version__
