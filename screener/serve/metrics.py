"""The Prometheus metrics. Knows names and numbers only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("screener_requests_total", "Requests answered", ["method", "status"], registry=registry)
        self.request_seconds = Histogram("screener_request_seconds", "From the request to the start of its answer", registry=registry)
        self.refused = Counter("screener_refused_total", "Requests refused, by the code of the problem", ["code"], registry=registry)
        self.uploaded = Counter("screener_uploaded_bytes_total", "Bytes of uploads received", registry=registry)
        self.scans = Gauge("screener_scans", "Scans in the ledger", ["state"], registry=registry)
        self.verdicts = Counter("screener_verdicts_total", "Verdicts given", ["outcome"], registry=registry)
        self.judging = Histogram(
            "screener_judging_seconds",
            "From the beginning of a scan to its verdict",
            buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
            registry=registry,
        )
        self.worker_deaths = Counter("screener_worker_deaths_total", "Workers that ended in the middle of a scan", registry=registry)
        self.callbacks = Counter("screener_callbacks_total", "Callbacks, by what became of the attempt", ["result"], registry=registry)
        self.free_bytes = Gauge("screener_state_free_bytes", "What is left of the disk that the state folder is on", registry=registry)
