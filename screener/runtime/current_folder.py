"""Whether the folder that the process is in still exists. Without it PyTorch ends the process when it is loaded."""

from __future__ import annotations

import os

from screener.errors import SourceError


def require_current_folder() -> None:
    """Raises SourceError if it does not."""
    try:
        os.getcwd()
    except OSError as error:
        raise SourceError("not_found", "the current folder no longer exists; change to another one") from error
