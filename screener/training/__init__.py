"""Labelled videos and pictures in, feature folds and checkpoints out. Scanning never imports this package."""
