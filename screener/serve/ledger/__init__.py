"""What the server remembers, in SQLite: scans and their verdicts, uploads, sessions, callbacks that are still to be delivered.

The server alone writes here; every change is on the disk before anyone is told of it. Does not know HTTP or files.
"""

from screener.serve.ledger.database import Database
from screener.serve.ledger.outbox import Outbox
from screener.serve.ledger.scans import NewScan, Scan, Scans
from screener.serve.ledger.sessions import Sessions
from screener.serve.ledger.uploads import Upload, Uploads

__all__ = ["Database", "NewScan", "Outbox", "Scan", "Scans", "Sessions", "Upload", "Uploads"]
