"""Verdicts on labelled videos in, the field's figures out, and the calibration, thresholds, pages and cards that follow from them."""
