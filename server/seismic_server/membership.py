"""What a server process does for the others: it applies their changes, and reports its state."""

from typing import Any

from seismic_server.discovery import Discovery
from seismic_server.observe.exposition import Families, families_of
from seismic_server.observe.nodes import HasNodes
from seismic_server.peers.channel import Handler
from seismic_server.peers.peers import Linked
from seismic_server.service import Service


def answers_to_peers(service: Service, discovery: Discovery) -> dict[str, Handler]:
    """Return the answers to calls of the supervisor and of other processes."""

    async def leave(name: str) -> None:
        async with service.entries:
            await service.leave(name)

    async def refresh(name: str) -> None:
        if service.collections.get(name):
            await service.threads.run(service.refreshers[name].refresh)

    async def scrubbed(generation: str, damage: str | None) -> None:
        service.scrubber.note(generation, damage)

    async def metrics() -> Families:
        return await service.threads.run(families_of, service.metrics.registry)

    async def node_counts(name: str) -> dict[str, dict[str, int]]:
        collection = service.collections.get(name)
        index = collection.index if collection else None
        return index.node_counts() if isinstance(index, HasNodes) else {}

    async def problems() -> dict[str, Any]:
        return {one.name: one.problem for one in service.collections if one.problem}

    return {
        "take_up": service.take_up,
        "look": discovery.look_at_once,
        "leave": leave,
        "refresh": refresh,
        "scrubbed": scrubbed,
        "metrics": metrics,
        "node_counts": node_counts,
        "problems": problems,
    }


async def join(service: Service, discovery: Discovery, peers: Linked) -> None:
    """Take part in the service: from now on this process hears of changes, so take up what it has missed."""

    async def follow() -> None:
        await discovery.look_at_once()
        for refresher in set(service.refreshers.values()):
            await service.threads.run(refresher.refresh)

    for generation, damage in (await peers.join(follow)).items():
        service.scrubber.note(generation, damage)
