#!/bin/sh
# The documentation site -> docs/_build/html, with warnings as errors. Needs the extra `docs`, which it installs into .venv where it is missing.
#   sh scripts/docs.sh
set -eu
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-.venv/bin/python}"
"$PYTHON" -c 'import sphinx, myst_nb, furo' 2>/dev/null || "$PYTHON" -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
rm -rf docs/_build
"$PYTHON" -m sphinx --builder html --fail-on-warning --keep-going --quiet docs docs/_build/html
echo "docs/_build/html/index.html"
