# What is done often. `just` lists it; without just, copy a line.

python := ".venv/bin/python"

_default:
    @just --list --unsorted

# An environment with everything, as uv.lock names it
setup:
    uv sync --locked --extra dev --extra docs

# Everything that must hold before a change lands
check:
    sh scripts/check.sh

# Style: mend what can be mended
style:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# Types, and who imports whom
types:
    .venv/bin/mypy
    .venv/bin/lint-imports

# Tests, such as: just test tests/unit/verdict
test *what="tests":
    {{ python }} -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile {{ what }}

# Whether the tests of the core notice mistakes: an hour on four cores
mutation *names:
    sh scripts/mutation.sh {{ names }}

# The documentation site, with warnings as errors
docs:
    sh scripts/docs.sh

# Wheel and source distribution into dist/, checked
build:
    sh scripts/build.sh

# After a change to pyproject.toml
lock:
    uv lock

# The two example clips
try:
    .venv/bin/screener scan examples/genuine.mp4 examples/manipulated.mp4
