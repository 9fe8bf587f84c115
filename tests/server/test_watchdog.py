"""A server process that hangs is found by its silence."""

import asyncio
import os
import signal

import pytest

from seismic_server import Settings
from seismic_server.process import child
from seismic_server.process.child import Child
from seismic_server.process.hub import Hub
from seismic_server.process.supervisor import Supervisor

from .conftest import PATIENCE

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio, socket, sys
from seismic_server.peers.channel import Channel, receive

end = socket.socket(fileno=int(sys.argv[1]))
receive(end)

async def beat():
    print("beat", flush=True)

asyncio.run(Channel(end, {"beat": beat}).run())
"""


@pytest.fixture
async def process(monkeypatch):
    """A process that answers calls and does nothing else."""
    monkeypatch.setattr(child, "MODULE", ("-c", PROGRAM))
    started = await Child.start([], {"eager": True})
    running = asyncio.create_task(started.run({}))
    yield started, running
    started.kill()
    await running


async def test_a_stopped_process_hangs_once_it_is_warm(process):
    started, running = process
    await asyncio.wait_for(started.channel.call("beat"), PATIENCE)
    os.kill(started._process.pid, signal.SIGSTOP)
    hanging = asyncio.create_task(started.hangs(0.2))
    await asyncio.sleep(0.4)
    assert not hanging.done(), "a process may take long to become warm"
    started.warm = True
    await asyncio.wait_for(hanging, PATIENCE)
    assert not running.done()


async def test_a_process_that_answers_does_not_hang(process, monkeypatch):
    started, _ = process
    started.warm, answered, tell = True, asyncio.Queue(), started.tell

    async def noted(call):
        await tell(call)
        answered.put_nowait(call)

    monkeypatch.setattr(started, "tell", noted)
    monkeypatch.setattr(child, "LOOKS", 10_000)  # a beat every few milliseconds, and all the patience for an answer
    hanging = asyncio.create_task(started.hangs(PATIENCE))
    async with asyncio.timeout(PATIENCE):
        assert [await answered.get() for _ in range(3)] == ["beat"] * 3
    assert not hanging.done()
    hanging.cancel()


async def test_the_supervisor_kills_it_and_counts(process, tmp_path):
    started, running = process
    started.warm = True
    await asyncio.wait_for(started.channel.call("beat"), PATIENCE)
    os.kill(started._process.pid, signal.SIGSTOP)
    keeper = Supervisor.__new__(Supervisor)
    keeper._settings = Settings(directory=tmp_path, processes=2, hang_seconds=0.2)
    keeper._hub = Hub(keeper._settings)
    await keeper._watch(0, started)
    assert await asyncio.wait_for(running, PATIENCE) == -signal.SIGKILL
    assert keeper._hub.hangs._value.get() == 1


async def test_zero_seconds_watch_nothing(process, tmp_path):
    started, _ = process
    keeper = Supervisor.__new__(Supervisor)
    keeper._settings = Settings(directory=tmp_path, processes=2, hang_seconds=0)
    await keeper._watch(0, started)
