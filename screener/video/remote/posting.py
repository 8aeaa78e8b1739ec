"""A message to an http(s) address: goes where a look at all addresses of the host has allowed, and follows no redirect."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from screener.errors import SourceError
from screener.video.remote.fetching import way_of
from screener.video.remote.reaching import UrlGuard

MOST_ANSWER_BYTES = 1 << 20


def post(address: str, body: bytes, headers: Mapping[str, str], name: str, allow_private: bool, timeout_seconds: float) -> int:
    """POST a body; the status of the answer, whatever it is. `name` is what messages call the address.

    timeout_seconds: for the whole exchange; if the user has set a proxy, for each step of it. Certificates are checked. Raises SourceError:
    `refused_address` and the like as `UrlGuard`, `stream_lost` where no answer came.
    """
    reach = UrlGuard(address, name, allow_private, timeout_seconds, MOST_ANSWER_BYTES)
    opener = urllib.request.OpenerDirector()
    for handler in (
        way_of(reach),
        urllib.request.UnknownHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    request = urllib.request.Request(reach.address, body, dict(headers), method="POST")
    # The timeout of a connection starts anew with every byte: without a limit on the whole, an answer could come without end.
    late = threading.Event()

    def give_up() -> None:
        late.set()
        reach.close()

    timer = threading.Timer(timeout_seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        with opener.open(request, timeout=timeout_seconds) as response:
            status = int(response.status)
    except (OSError, HTTPException, ValueError) as error:
        what = f"no answer within {timeout_seconds:g} s" if late.is_set() else f"the connection failed ({type(error).__name__})"
        raise reach.refusal() or SourceError("stream_lost", f"{name}: {what}") from error
    finally:
        timer.cancel()
        reach.close()
    if late.is_set():  # an answer that breaks off is taken for a whole one
        raise SourceError("stream_lost", f"{name}: no answer within {timeout_seconds:g} s")
    refusal = reach.refusal()  # the relay's own answer, not that of the address
    if refusal is not None:
        raise refusal
    return status
