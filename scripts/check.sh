#!/bin/sh
# Everything that must hold before a change lands: style, types, who imports whom, the lock file, tests. Makes its own environment, with pip
# and from package registries only.
#   sh scripts/check.sh
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,serve,cluster]'
# The tests of the web page need a browser. Where none can be had they are skipped, and say so.
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    echo "No browser is here: installing Chromium." >&2
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        { apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium; } >/dev/null
    else
        .venv/bin/python -m playwright install chromium
    fi || echo "Chromium could not be installed: the tests of the web page will be skipped." >&2
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
# Held against pyproject.toml without asking any registry. What is installed here are the newest versions that fit, not the locked ones: that
# way a release of a library that breaks something is noticed, and the mirror that is nearest is used. Hosted CI installs the locked ones.
.venv/bin/uv lock --check --offline --quiet || { echo "uv.lock does not fit pyproject.toml: run uv lock, and commit it" >&2; exit 1; }
# Much of what the tests do is waiting for commands, servers and streams: one worker more than cores. Each takes about 2 GB, with what it starts.
# In the order of the files; the weekly job takes another order each time, and whoever runs `pytest` by hand as well.
workers=$(.venv/bin/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
# Several hundred of them drive a browser, servers and child processes against the clock. So one that fails is run once more, three in all at
# most, and named (R): one that fails by its nature fails again.
.venv/bin/python -m pytest -p no:randomly --numprocesses "$workers" --dist loadfile --reruns 1 --max-suite-reruns 3 -raR
