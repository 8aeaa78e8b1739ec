"""Awkward and hostile inputs, generated on the spot: nothing binary is committed and nothing is downloaded.

`expected.csv` is the table to read: one row per input, with what the real command must say of it. `make.py` writes the inputs.
"""
