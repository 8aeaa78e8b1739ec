"""Scores in, verdicts out: calibration, pooling, intervals, abstention, when to stop, and which crops are evidence. No torch, no files."""
