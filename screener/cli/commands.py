"""The commands: the module that registers each, and its first sentence, which the help shows without importing the module.

In the order of a typical workflow. To add a command, write a module that registers it with `app.app`, and add a line here.
"""

from __future__ import annotations

COMMANDS = {
    "scan": ("scan", "Judge videos and pictures: a line per input, then a summary."),
    "live": ("live", "Watch a camera or stream: a steady, current verdict on each person in view."),
    "serve": ("serve", "Serve the web page and the HTTP API: drop a clip on the page and share the result."),
    "cluster": ("cluster", "Runs on many machines."),
    "compare": ("compare", "Compare two files of one scene: what is the same, cut, or shown with another face."),
    "report": ("report", "Verify existing reports."),
    "audit": ("audit", "Audit labelled data before training: leaks between splits, and facts other than the face that predict the label."),
    "extract": ("extract", "Crop the faces of labelled videos and pictures and store the backbone's features of them, split for training."),
    "train": ("train", "Train a head on feature folds, or with --end-to-end the whole network on pictures, and write a checkpoint."),
    "evaluate": ("evaluate", "Evaluate a checkpoint on labelled data: AUC and the field's other figures, each with its interval."),
    "calibrate": (
        "calibrate",
        "Fit temperature, bias and thresholds to labelled videos, and store them with the number of videos behind each.",
    ),
    "export": ("export", "Export the network as ONNX, or in 8 bits for scan's --engine, and check it against the checkpoint."),
    "bench": (
        "bench",
        "Measure where the time goes on this machine: decoding, face detection, scoring, total, and the unavoidable part of it.",
    ),
    "doctor": (
        "inspect",
        "Check that decoding, face detection, weights, polarity and device work on this machine, and say how to fix what does not.",
    ),
    "weights": ("inspect", "Show or verify a checkpoint's contract."),
    "config": ("config", "Settings: write a settings file, or show the settings in effect."),
    "version": ("inspect", "Show the versions of screener and of the libraries that its results depend on."),
}
"""By name: (module in this package, first sentence)."""
