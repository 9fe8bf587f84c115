"""The application: every middleware and route, and what lives as long as the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

import seismic
from seismic_server.access.admission import Admission
from seismic_server.collections.opening import warm_up
from seismic_server.discovery import Discovery
from seismic_server.http.direct import Otherwise, direct_routes
from seismic_server.http.errors import HANDLERS
from seismic_server.http.head import Head
from seismic_server.http.middleware import BodyLimit, CatchFailures, Deadline, RequestContext
from seismic_server.membership import answers_to_peers, join
from seismic_server.openapi import complete_openapi
from seismic_server.peers.peers import Linked, Peers
from seismic_server.routes import (
    about,
    aliases,
    collections,
    console,
    count,
    docs,
    documents,
    export,
    generations,
    health,
    jobs,
    lifecycle,
    ops,
    reading,
    search,
    snapshots,
    why,
)
from seismic_server.routes.shortcut import PlainSearches
from seismic_server.service import Service
from seismic_server.settings import Settings

log = structlog.get_logger("server")

DESCRIPTION = """\
Learned-sparse retrieval over REST.

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document. Every answer carries an
`X-Request-ID`: the request's own, or a new one. A field without a value, or one that the request did not ask for, is
left out of an answer; lists are always present, even when empty.
"""


def create_app(settings: Settings, peers: Peers | None = None) -> Starlette:
    """Open the collections of `settings.directory` and return the ASGI application. Raises StorageError.

    `peers`: the other server processes, if it runs in one of several.
    """
    service = Service.start(settings, peers)
    app = Starlette(
        middleware=[  # outermost first
            Middleware(RequestContext, metrics=service.metrics, tracer=service.tracer, access_log=service.access_log),
            Middleware(CatchFailures),
            *_cors(settings),
            Middleware(Admission, admission=service.admission),
            Middleware(BodyLimit, settings=settings, memory=service.memory),
            Middleware(Deadline, milliseconds=settings.timeout_ms, running=service.running),
            Middleware(Head),
        ],
        routes=[*direct_routes(search.router), Otherwise(_described_api(service, settings))],
        exception_handlers=HANDLERS,
        lifespan=_lifespan,
    )
    app.state.service, app.state.shortcut = service, PlainSearches(service)
    if settings.compat:
        from seismic_server.compat.mounts import mount  # nobody else loads it

        mount(app, service)
    return app


def _described_api(service: Service, settings: Settings) -> FastAPI:
    """Return every route as FastAPI serves and describes it."""
    api = FastAPIOffline(
        title="Seismic",
        description=DESCRIPTION,
        version=seismic.__version__,
        docs_url=None,  # routes/docs.py has the page; this serves its files
        redoc_url=None,
        redirect_slashes=False,  # a wrong path is a 404, like any other
        middleware=[Middleware(CatchFailures)],  # before Starlette's own answer to failures, which is plain text
        exception_handlers=HANDLERS,
    )
    api.state.service = service
    routers = (
        search.router,
        count.router,
        why.router,
        reading.router,
        export.router,
        documents.changes,
        reading.by_id,
        documents.by_id,
        ops.router,
        collections.router,
        about.router,
        lifecycle.reads,
        lifecycle.changes,
        aliases.reads,
        aliases.changes,
        generations.reads,
        generations.jobs,
        snapshots.reads,
        snapshots.jobs,
        jobs.router,
        health.router,
        console.router,
        docs.router,
    )
    for router in routers:
        api.include_router(router)
    api.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    api.mount("/console/nodes", console.nodes_page)
    api.mount("/console", console.files)
    complete_openapi(api, settings)
    return api


def _cors(settings: Settings) -> list[Middleware]:
    """Return the CORS middleware, if origins are configured. It precedes admission: preflights carry no key."""
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Api-Key", "X-API-Key", "X-Request-ID"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return [cors] if origins else []


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.auditor.start()
    service.pool.start()
    discovery = Discovery(service)
    background = [asyncio.create_task(_warm_up(service, discovery)), asyncio.create_task(service.memory.watch())]
    background += [asyncio.create_task(refresher.run()) for refresher in set(service.refreshers.values())]
    background += [asyncio.create_task(discovery.run())]
    if isinstance(service.peers, Linked):
        service.peers.add(answers_to_peers(service, discovery))
        background += [asyncio.create_task(service.peers.run())]
    if service.settings.scrub_mb_per_second:
        background += [asyncio.create_task(service.scrubber.run())]
    yield
    for task in [*background, *service.following]:
        task.cancel()
    await service.jobs.cancel_all()
    service.close()


async def _warm_up(service: Service, discovery: Discovery) -> None:
    """Warm up every collection on the pool, so that /healthz answers meanwhile; then join the other processes."""
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
    for collection in service.collections:  # kernels of changes; searches do not wait for them
        await service.threads.run(collection.index.warm_up, changes=True)
    if isinstance(service.peers, Linked):
        await join(service, discovery, service.peers)
