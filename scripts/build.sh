#!/bin/sh
# Wheel and source distribution -> dist/, made by the locked build backend's front end, and looked into: what must be in them is there.
#   sh scripts/build.sh
set -eu
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-.venv/bin/python}"
rm -rf dist
"$PYTHON" -m uv build --quiet --out-dir dist
"$PYTHON" scripts/check_distributions.py dist
