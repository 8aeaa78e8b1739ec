"""The server's database (SQLite): scans and their verdicts, uploads, sessions, pending callbacks.

Only the server writes to it; every change is on the disk before it is announced. Does not know HTTP or files.
"""

from screener.serve.ledger.database import Database
from screener.serve.ledger.outbox import Outbox
from screener.serve.ledger.scans import NewScan, Scan, Scans
from screener.serve.ledger.sessions import Sessions
from screener.serve.ledger.uploads import Upload, Uploads

__all__ = ["Database", "NewScan", "Outbox", "Scan", "Scans", "Sessions", "Upload", "Uploads"]
