#!/bin/sh
# Everything that must hold before a change lands: style, types, who imports whom, tests. Makes its own environment, from package registries only.
#   sh scripts/check.sh
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
# Much of what the tests do is waiting for commands, servers and streams. Each worker takes about 2 GB, with what it starts.
.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile
