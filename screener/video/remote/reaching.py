"""How the decoder reaches an address: checked first, and enforced for as long as it reads.

Over http(s) everything goes through our own relay, which resolves each name once, checks every redirect and counts the bytes. RTSP cannot
use it: its host is replaced by the checked IP address, and redirects of its server are not checked. If the user has set a proxy, the proxy
resolves names, and only the local resolution is checked. Does not know media.
"""

from __future__ import annotations

from screener.errors import SourceError
from screener.video.remote.addresses import at_ip, check_address, check_url
from screener.video.remote.relay import Relay, leaves_through_proxy

MOST_BYTES = 1 << 62


class UrlGuard:
    """address: what the decoder is to open. options: FFmpeg options to open it with."""

    def __init__(self, address: str, name: str, allow_private: bool, timeout_seconds: float, most_bytes: int = MOST_BYTES) -> None:
        """Raises SourceError for an address that may not be opened; `name` is what messages call it."""
        self._name, self._most_bytes = name, most_bytes
        self._relay: Relay | None = None
        self.address = address
        self.options: dict[str, str] = {}
        if address.lower().startswith("rtsp"):
            self.address = at_ip(address, *check_address(address, allow_private, name))
        elif leaves_through_proxy():
            check_address(address, allow_private, name)
        else:
            check_url(address, name)
            self._relay = Relay(name, allow_private, most_bytes, timeout_seconds)
            self.options = {"http_proxy": self._relay.url}

    @property
    def exceeded(self) -> bool:
        """Whether more bytes arrived than are allowed."""
        return self._relay is not None and self._relay.exceeded

    def refusal(self) -> SourceError | None:
        """Why the connection was refused, or None. If there is one, the decoder's own error is only a consequence."""
        if self._relay is not None and self._relay.refusal is not None:
            return self._relay.refusal
        if self.exceeded:
            return SourceError("limit_size", f"{self._name}: sends more than {self._most_bytes} bytes; raise max_download_bytes")
        return None

    def close(self) -> None:
        """Stop the relay."""
        if self._relay is not None:
            self._relay.close()
