"""The web page and the HTTP API: uploads in, verdicts out, nothing accepted is lost.

There are two kinds of processes. The server answers requests, stores uploads in a state folder, is the only writer of the ledger (SQLite)
there, and never imports PyTorch. Each worker judges: a separate process with its own models, which receives one scan at a time over a pipe.
When it dies, it is restarted and the scan is repeated. Does not know how a video is judged; only the command line imports it.
"""
