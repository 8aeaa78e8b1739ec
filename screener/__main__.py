"""`python -m screener`."""

from screener.cli import run

run()
