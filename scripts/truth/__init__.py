"""Video files whose every frame carries its own number, and what a reading of them must have seen; see `../measure_coverage.py`."""
