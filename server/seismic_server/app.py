"""The application: routes, middleware and what lives as long as it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

import seismic
from seismic_server.access.admission import Admission
from seismic_server.application import Application
from seismic_server.discovery import discover_collections, warm_up
from seismic_server.http.errors import install_handlers
from seismic_server.http.head import Head
from seismic_server.http.middleware import BodyLimit, Deadline, RequestContext
from seismic_server.openapi import complete_openapi
from seismic_server.routes import collections, console, count, documents, health, ops, search
from seismic_server.service import Service
from seismic_server.settings import Settings

log = structlog.get_logger("server")

DESCRIPTION = """\
Learned-sparse retrieval over REST.

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document. Every answer carries an
`X-Request-ID`: the one of the request, or a new one.
"""


def create_app(settings: Settings) -> Application:
    """The service over `settings.directory`, whose collections are opened now. Raises StorageError."""
    service = Service.start(settings)
    api: FastAPI = FastAPIOffline(
        title="Seismic",
        description=DESCRIPTION,
        version=seismic.__version__,
        redoc_url=None,
        redirect_slashes=False,  # a wrong path is a 404, like any other
        lifespan=_lifespan,
        middleware=[  # outermost first
            Middleware(RequestContext, metrics=service.metrics, tracer=service.tracer, throttle=service.throttle),
            *_cors(settings),
            Middleware(Admission, admission=service.admission),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.receive_seconds),
            Middleware(Deadline, milliseconds=settings.timeout_ms, running=service.running),
            Middleware(Head),
        ],
    )
    api.state.service = service
    for router in (
        search.router,
        count.router,
        documents.changes,
        documents.router,
        ops.router,
        collections.router,
        health.router,
    ):
        api.include_router(router)
    api.include_router(console.router)
    api.mount("/console", console.files)
    install_handlers(api)
    complete_openapi(api, settings)
    return Application(api, service, search.router.routes)


def _cors(settings: Settings) -> list[Middleware]:
    """Before anybody asks for a key: browsers ask without one whether a page may ask at all."""
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=["Authorization", "Api-Key", "X-API-Key", "X-Request-ID"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return [cors] if origins else []


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.auditor.start()
    service.pool.start()
    background = [asyncio.create_task(_warm_up(service))]
    background += [asyncio.create_task(refresher.run()) for refresher in service.refreshers.values()]
    background += [asyncio.create_task(discover_collections(service))]
    yield
    for task in background:
        task.cancel()
    for refresher in service.refreshers.values():
        await refresher.stop()
    service.auditor.stop()
    service.pool.shutdown()
    service.threads.shutdown()
    service.maintenance.shutdown()
    service.collections.close()
    service.throttle.close()
    service.tracer.close()


async def _warm_up(service: Service) -> None:
    """On the pool, so that /healthz answers meanwhile."""
    for collection in service.collections:
        index = collection.index
        try:
            await service.pool.run(warm_up, index)
        except Exception:
            collection.state = "failed"
            log.exception("collection failed to warm up", collection=index.name)
        else:
            collection.state = "ready"
            log.info("collection is ready", collection=index.name, generation=index.generation)
    for collection in service.collections:  # searches need not wait for this
        await service.threads.run(collection.index.warm_up, changes=True)
