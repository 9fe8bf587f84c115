"""What the routes share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from server.collections import Collections
from server.pool import SearchPool
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """Settings, collections and threads of one running service."""

    settings: Settings
    collections: Collections
    pool: SearchPool


async def _of_request(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_of_request)]
