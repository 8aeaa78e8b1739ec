"""A real S3 interface on this machine (moto's server), which can be told to fail every so many requests."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from cluster_runs import Failing

BUCKET = "videos"
SECRET = "a-secret-of-these-tests"
KEY_ID = "AKIDOFTHESETESTS"


@dataclass
class S3:
    """failing: counts the requests and says which fail; None for none."""

    address: str
    failing: Failing | None = None
    stop: Callable[[], None] = lambda: None

    def put(self, key: str, data: bytes) -> None:
        from screener.cluster.stores import open_store

        open_store(f"s3://{BUCKET}").write(key, data)

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        from screener.cluster.stores import open_store

        store = open_store(f"s3://{BUCKET}")
        return {item.key: store.read(item.key) for item in store.listed(prefix)}


class _Application:
    """Every tenth request is answered with 503, every other of those after it was carried out."""

    def __init__(self, inner: Any, s3: S3) -> None:
        self._inner, self._s3 = inner, s3

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        turn = self._s3.failing.turn() if self._s3.failing is not None else ""
        if turn == "":
            answer: Iterable[bytes] = self._inner(environ, start_response)
            return answer
        if turn == "after":
            b"".join(self._inner(environ, lambda *arguments: None))
        start_response("503 Slow Down", [("Content-Type", "text/plain")])
        return [b"later"]


@contextmanager
def s3_store() -> Iterator[S3]:
    """A server with one bucket, and the environment that leads to it, for as long as the block lasts."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *arguments: Any) -> None:
            pass

    s3 = S3("")
    server = make_server(
        "127.0.0.1", 0, _Application(DomainDispatcherApplication(create_backend_app), s3), threaded=True, request_handler=Quiet
    )
    s3.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    s3.stop = stop
    there = {
        "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": s3.address,
        "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip
    with mock.patch.dict(os.environ, there):
        import urllib.request

        urllib.request.urlopen(urllib.request.Request(f"{s3.address}/{BUCKET}", method="PUT")).close()
        yield s3
    if thread.is_alive():
        stop()
