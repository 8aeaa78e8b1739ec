"""Verdicts on labelled videos in, the field's figures out, and the calibration, thresholds, pages and model cards based on them."""
