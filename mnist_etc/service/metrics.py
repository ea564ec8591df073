"""``/metrics``: requests by `prometheus_fastapi_instrumentator`, and what the service itself counts."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import Info
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from mnist_etc.service.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from prometheus_client import Metric
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["install"]

METRICS = "/metrics"
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


def install(app: FastAPI) -> None:
    """Count the requests of ``app`` and answer ``/metrics``; its registry is ``app.state.registry``, its own."""
    registry = CollectorRegistry()
    app.state.registry = registry
    ProcessCollector(registry=registry)
    registry.register(_Now(app))
    batches = Histogram(
        "mnist_etc_batch_images", "Images that one run of the model answered.", buckets=BATCHES, registry=registry
    )
    app.state.engine.on_batch = batches.observe
    app.add_middleware(_Counted, registry=registry, latency_lowr_buckets=SECONDS)
    Instrumentator(registry=registry).expose(
        app,
        include_in_schema=True,
        tags=["operation"],
        response_class=PlainTextResponse,
        description="Counts for Prometheus.",
        responses=refusals(401, 403, 429),
    )


class _Counted(PrometheusInstrumentatorMiddleware):
    """The library's middleware on the route that was found already, without objects that nothing here reads."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count what kind of request it was, how long it took, and how it ended."""
        if scope["type"] != "http" or scope["path"] == METRICS:
            await self.app(scope, receive, send)
            return
        began, status, headers = time.perf_counter(), 500, Headers()

        async def noted(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            seconds, route = time.perf_counter() - began, scope.get("route")
            asked: Any = SimpleNamespace(headers=Headers(scope=scope))
            answered: Any = SimpleNamespace(headers=headers)
            info = Info(
                request=asked,
                response=answered,
                method=scope["method"],
                modified_handler=getattr(route, "path", "none"),
                modified_status=f"{status // 100}xx",
                modified_duration=seconds,
                modified_duration_without_streaming=seconds,
            )
            for instrumentation in self.instrumentations:
                instrumentation(info)


class _Now(Collector):
    """What is so at the moment, read from the service itself."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state

    def collect(self) -> Iterator[Metric]:
        """The model in service, the queue, and the bytes that are held."""
        model = self._state.shelf.current
        info = InfoMetricFamily("mnist_etc_model", "The model in service.")
        info.add_metric([], {"name": model.name, "version": str(model.version), "policy": model.policy})
        yield info
        yield GaugeMetricFamily("mnist_etc_queue_requests", "Requests that wait.", self._state.engine.waiting)
        yield GaugeMetricFamily("mnist_etc_held_bytes", "Bytes of bodies that are held.", self._state.bodies.held)
        refused = float(self._state.shelf.refused is not None)
        yield GaugeMetricFamily(
            "mnist_etc_version_refused", "The newest version is broken and not in service.", refused
        )
