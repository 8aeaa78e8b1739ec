"""Settings of a run on many machines."""

from __future__ import annotations

from typing import Any

import pytest

from screener.errors import SettingsError
from screener.settings import ClusterSettings


@pytest.mark.parametrize("scratch", [3, ["/tmp"], True])
def test_a_scratch_folder_that_is_no_path_is_refused(scratch: Any) -> None:
    with pytest.raises(SettingsError, match=r"^scratch: expected the path of a folder, got "):
        ClusterSettings.from_mapping({"scratch": scratch})
