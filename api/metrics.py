"""Prometheus metrics. Labels come from bounded sets: routes, sources of plans, never callers.

With several workers PROMETHEUS_MULTIPROC_DIR is set before this module is imported (`awase serve`
does), and /metrics adds up what all of them counted.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

REGISTRY = CollectorRegistry()
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

requests_total = Counter(
    "awase_http_requests_total",
    "Requests answered.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
request_seconds = Histogram(
    "awase_http_request_seconds",
    "Seconds from a request's first byte to the last byte of its response.",
    ("route",),
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
requests_open = Gauge(
    "awase_http_requests_open",
    "Requests being answered.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
query_seconds = Histogram(
    "awase_query_seconds",
    "Seconds that statistics queries took, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)
build_info = Gauge(
    "awase_build_info",
    "Always 1; the label is the version.",
    ("version",),
    registry=REGISTRY,
    multiprocess_mode="livemax",
)


def exposition() -> tuple[bytes, str]:
    """The metrics of this server in Prometheus' text format, and its media type."""
    if os.environ.get(MULTIPROCESS):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
