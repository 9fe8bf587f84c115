"""Calls between processes."""

import asyncio
import socket

import pytest

from seismic_server.peers.channel import Channel

pytestmark = pytest.mark.anyio


async def test_a_call_waits_until_its_channel_runs():
    """A process without collections has nothing to warm up: it calls before its channel is open."""

    async def double(number):
        return 2 * number

    ours, others = socket.socketpair()
    channels = Channel(ours, {}), Channel(others, {"double": double})
    call = asyncio.create_task(channels[0].call("double", number=2))
    await asyncio.sleep(0)
    running = [asyncio.create_task(channel.run()) for channel in channels]
    assert await call == 4
    for channel in channels:
        channel.close()
    await asyncio.gather(*running)
