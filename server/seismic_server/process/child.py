"""A server process, as its supervisor sees it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from seismic_server.peers.channel import Channel, ChannelClosedError, Handler, send

MODULE = ("-m", "seismic_server.process.member")


LOOKS = 4
"""Times that a process is given a part of the seconds after which it counts as hung."""


class Child:
    """A running server process.

    `warm`: whether it takes part. `eager`: whether it accepts connections before that. `refusal`: why it does not
    start, in words.
    """

    def __init__(self, process: asyncio.subprocess.Process, end: socket.socket, *, eager: bool) -> None:
        self._process, self._handlers = process, dict[str, Handler]()
        self.channel = Channel(end, self._handlers)
        self.warm, self.eager = False, eager
        self.refusal: str | None = None

    @classmethod
    async def start(cls, inherited: list[int], first: dict[str, Any]) -> "Child":
        """Start a process with these descriptors and this first message.

        It has a process group of its own, so that Ctrl-C reaches the supervisor alone. Raises OSError.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                safe = ["-P"] if sys.flags.safe_path else []
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *safe,
                    *MODULE,
                    str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *inherited],
                    process_group=0,
                )
            with suppress(OSError):  # it has ended; its status says why
                await asyncio.to_thread(send, ours, first)
        except BaseException:
            ours.close()
            raise
        return cls(process, ours, eager=first["eager"])

    async def run(self, handlers: Mapping[str, Handler]) -> int:
        """Answer the calls of the process until it ends, and return its exit code; -N if signal N killed it."""

        async def refused(problem: str) -> None:
            self.refusal = problem

        self._handlers |= {**handlers, "refused": refused}
        await self.channel.run()
        return await self._process.wait()

    async def tell(self, call: str) -> None:
        """Call the process, which may be ending."""
        with suppress(ChannelClosedError):
            await self.channel.call(call)

    async def hangs(self, seconds: float) -> None:
        """Return once the process, while it is warm, has not answered a call for `seconds`.

        Time passes in LOOKS parts, each by this process's own clock: if both are frozen and thawed, one part passes.
        """
        while True:
            await asyncio.sleep(seconds / LOOKS)
            if not self.warm:
                continue
            answer = asyncio.create_task(self.tell("beat"))
            for _ in range(LOOKS):
                if (await asyncio.wait({answer}, timeout=seconds / LOOKS))[0]:
                    break
            else:
                answer.cancel()
                return

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process, if it has not ended."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
