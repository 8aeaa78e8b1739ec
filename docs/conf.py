"""Sphinx reads this: what the site is made of. Build it with `sh scripts/docs.sh`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

from screener.runtime.versions import versions  # noqa: E402

project = "screener"
author = "the screener contributors"
project_copyright = "2026, the screener contributors"
release = version = versions()["screener"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "generated_reference", "plain_docstrings", "repository_pages"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # `scripts/make_notebook.py` runs it, and keeps what it printed
exclude_patterns = ["_extensions", "_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

# Single backticks in docstrings are code.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
maximum_signature_line_length = 100

html_theme = "furo"
html_title = f"screener {release}"
html_show_sphinx = False
html_copy_source = False
