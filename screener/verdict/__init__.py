"""Scores in, verdicts out: calibration, pooling, intervals, abstention, stopping, and the choice of crops as evidence. No
torch, no files.
"""
