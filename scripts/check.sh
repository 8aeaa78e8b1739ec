#!/bin/sh
# Everything that must hold before a change lands: style, types, who imports whom, the lock file, tests. Makes its own environment, with pip
# and from package registries only.
#   sh scripts/check.sh
set -eu
cd "$(dirname "$0")/.."
# The tests start hundreds of processes, and each would compile the package anew; `__pycache__` is in .gitignore.
unset PYTHONDONTWRITEBYTECODE
# What runs beside something else says what it has to say once it is waited for.
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT

[ -x .venv/bin/python ] || python3 -m venv .venv
# The tests of the web page need a browser. Where none can be had they are skipped, and say so.
lacks_browser() { ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; }
uses_apt() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }
install_browser() {
    if uses_apt; then
        { apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium; } >/dev/null
    else
        .venv/bin/python -m playwright install chromium
    fi || echo "Chromium could not be installed: the tests of the web page will be skipped." >&2
}
browser=
if lacks_browser && uses_apt; then
    echo "No browser is here: installing Chromium." >&2
    install_browser 2>"$said/browser" &
    browser=$!
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,serve,cluster]'
if [ -n "$browser" ]; then
    wait "$browser"
    cat "$said/browser" >&2
elif lacks_browser; then
    echo "No browser is here: installing Chromium." >&2
    install_browser
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/lint-imports
# Held against pyproject.toml without asking any registry. What is installed here are the newest versions that fit, not the locked ones: that
# way a release of a library that breaks something is noticed, and the mirror that is nearest is used. Hosted CI installs the locked ones.
.venv/bin/uv lock --check --offline --quiet || { echo "uv.lock does not fit pyproject.toml: run uv lock, and commit it" >&2; exit 1; }
# Types on one core; on another the tests are collected, which leaves them compiled for the processes that run them.
.venv/bin/python -m pytest --collect-only -qq >"$said/collected" 2>&1 &
collecting=$!
.venv/bin/mypy
wait "$collecting" || { cat "$said/collected" >&2; exit 1; }
# Much of what the tests do is waiting for commands, servers and streams: one worker more than cores. Each takes about 2 GB, with what it starts.
# In the order of the files, which has those that take long first; the weekly job takes another order each time, and whoever runs `pytest` by
# hand as well.
workers=$(.venv/bin/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
# Several hundred of them drive a browser, servers and child processes against the clock. So one that fails is run once more, three in all at
# most, and named (R): one that fails by its nature fails again.
.venv/bin/python -m pytest -p no:randomly --numprocesses "$workers" --dist loadfile --no-loadscope-reorder --reruns 1 --max-suite-reruns 3 -raR
