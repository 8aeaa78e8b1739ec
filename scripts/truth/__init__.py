"""Video files in which every frame carries its number, and checks of what was read from them; see `../measure_coverage.py`."""
