"""Where a node listens: a port, any free one, or the first free one of a range."""

import errno
import re
import socket
from typing import NamedTuple

from seismic.cluster.connection import Address
from seismic.errors import ParameterError

BACKLOG = 128
_FORM = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Ports(NamedTuple):
    """A range of ports, both ends included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "Ports":
        """Return the range of FIRST-LAST, or of a single port. Raises ParameterError."""
        match = _FORM.fullmatch(text)
        found = cls(int(match[1]), int(match[2] or match[1])) if match else None
        if found is None or not 1 <= found.first <= found.last <= 65535:
            raise ParameterError(f"ports: found {text!r}, expected FIRST-LAST between 1 and 65535, such as 7100-7199")
        return found

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def listening(address: Address, ports: Ports | None = None) -> socket.socket:
    """Return a socket that listens on an address; with `ports`, on the first free one of them.

    Raises ParameterError if there is no free one.
    """
    if ports is None:
        try:
            return _listening(address)
        except OSError as error:
            raise ParameterError(f"listen: cannot listen on {address}: {_reason(error)}") from None
    for port in range(ports.first, ports.last + 1):
        one = address._replace(port=port)
        try:
            return _listening(one)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ParameterError(f"ports: cannot listen on {one}: {_reason(error)}") from None
    raise ParameterError(
        f"ports: all of {ports} are taken on {address.host}, expected a free one for each node of the machine; give a "
        "larger range"
    )


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _reason(error: OSError) -> str:
    return str(error.strerror).partition(" (while ")[0]  # which repeats the address
