"""The web page and the HTTP API: uploads in, verdicts out, nothing accepted is lost.

Two kinds of processes. The server answers: it keeps what it was given in a state folder, alone writes the ledger (SQLite) there, and never
imports PyTorch. Each worker judges: a process of its own with one set of models, told of one scan at a time over a pipe; when it dies it is
started again, and the scan with it. Does not know how a video is judged, and is imported by the command line alone.
"""
