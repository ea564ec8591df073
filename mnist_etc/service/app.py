"""The application: what the service answers at which path, ready for any ASGI server."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from mnist_etc.errors import MnistEtcError
from mnist_etc.service import classify, documentation, failures, metrics, models, page, rebuild
from mnist_etc.service.bodies import Bodies
from mnist_etc.service.budget import budgeted
from mnist_etc.service.config import ServiceConfig
from mnist_etc.service.drift import DriftCounts
from mnist_etc.service.engine import Engine, Observer
from mnist_etc.service.gate import Gate
from mnist_etc.service.keys import Keys
from mnist_etc.service.rates import Rates
from mnist_etc.service.rebuild import Attacks
from mnist_etc.service.shelf import Shelf
from mnist_etc.service.sources import open_source

if TYPE_CHECKING:
    from mnist_etc.service.source import ModelSource

__all__ = ["create_app"]


def create_app(
    config: ServiceConfig, *, source: ModelSource | None = None, observers: Sequence[Observer] = ()
) -> FastAPI:
    """Build the application; its workers start with its lifespan.

    ``app.state`` holds ``config``, ``shelf`` (the model in service, ``app.state.shelf.current``), ``engine``,
    ``bodies`` and ``registry`` (of Prometheus), for the routers of other files. On loopback without ``service.hosts``
    it answers for the hosts localhost, 127.0.0.1 and ::1 alone, as a test client has to say.

    Args:
        config: Of ``conf/service.yaml``.
        source: Where models come from; None: as ``config`` says.
        observers: Shown every answer before it is told.

    Raises:
        ArtifactError: The version in service is damaged.
        ConfigError: The file of keys is damaged, or a value is of no such form.
        ServingError: The server that runs the model does not answer.
    """
    keys = Keys(None if config.keys is None else Path(config.keys))
    shelf = Shelf(source or open_source(config))
    drift = DriftCounts(None if config.counts is None else Path(config.counts))
    engine = Engine(config, shelf, [*budgeted(config), drift, *observers])

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        watcher = asyncio.create_task(_watch(config.poll_seconds, shelf, keys, drift))
        yield
        watcher.cancel()
        engine.stop()
        drift.write(now=True)

    app = FastAPI(
        title="mnist_etc",
        description=documentation.DESCRIPTION,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.config, app.state.shelf, app.state.engine = config, shelf, engine
    app.state.bodies, app.state.attacks = Bodies(config), Attacks(config)
    for room in (classify, models, rebuild, documentation, page):
        app.include_router(room.router)
    failures.install(app)
    app.add_middleware(Gate, config=config, keys=keys, rates=Rates(config.rates, config.rate))
    metrics.install(app)
    app.state.registry.register(drift)
    return app


async def _watch(seconds: float, shelf: Shelf, keys: Keys, drift: DriftCounts) -> None:
    """Take up another version and other keys, and write counts, for as long as the service runs."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(shelf.look)
        await asyncio.to_thread(drift.write)
        try:
            keys.look()
        except MnistEtcError as error:
            print(f"refused: {' '.join(str(error).split())} The keys stay.", file=sys.stderr, flush=True)
