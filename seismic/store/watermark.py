"""<collection>/WATERMARK: the last acknowledged change, so that a log that lost its end is noticed.

A log that is missing, or cut within its last record, reads like one that never had more changes. The watermark lies
beside the log and is written after a record is durable, before the change is acknowledged. It survives a killed process
at once, and a power cut once the kernel has written it back (30 seconds by default on Linux): it may lag, but it never
leads. The file has two slots, written in turn, so that a torn write leaves the other one intact.
"""

import os
from contextlib import suppress
from pathlib import Path

import xxhash

from seismic.errors import CorruptIndexError
from seismic.store.failures import read_error

WATERMARK = "WATERMARK"
SLOTS, SLOT_BYTES = 2, 64


def read_watermark(collection: Path) -> int:
    """Return the last acknowledged change, or 0 if none is known. Raises CorruptIndexError."""
    path = collection / WATERMARK
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise read_error(path, error, "run `seismic verify`, then delete it") from None
    slots = [content[first : first + SLOT_BYTES] for first in range(0, SLOTS * SLOT_BYTES, SLOT_BYTES)]
    known = [sequence for sequence in map(_parse, slots) if sequence is not None]
    if known:
        return max(known)
    if any(content):
        raise CorruptIndexError(f"{path} is damaged: no slot matches its hash; run `seismic verify`, then delete it")
    return 0  # a power cut came before the first write-back


def prepare_watermark(collection: Path) -> None:
    """Create the file at full size, so that a full disk fails before a record is written, not after."""
    path = collection / WATERMARK
    if not path.exists():
        path.write_bytes(bytes(SLOTS * SLOT_BYTES))


def raise_watermark(collection: Path, sequence: int) -> None:
    """Record an acknowledged change. The caller holds `appending`."""
    with suppress(OSError):  # the change is durable: a watermark that lags detects less, but reports nothing false
        descriptor = os.open(collection / WATERMARK, os.O_WRONLY)
        try:
            os.pwrite(descriptor, _slot(sequence), sequence % SLOTS * SLOT_BYTES)
        finally:
            os.close(descriptor)


def check_watermark(collection: Path, found: int, acknowledged: int) -> None:
    """Raise CorruptIndexError if the log and the generation end before the acknowledged change.

    Read the watermark before the log: changes may be appended in between.
    """
    if found < acknowledged:
        raise CorruptIndexError(
            f"{collection / 'log'}: found changes up to {found}, expected the acknowledged ones up to {acknowledged}; "
            f"the end is lost: restore the collection, or delete {collection / WATERMARK} to accept the loss"
        )


def _slot(sequence: int) -> bytes:
    digits = f"{sequence:020d}".encode()
    return (digits + b" " + xxhash.xxh3_64_hexdigest(digits).encode()).ljust(SLOT_BYTES - 1) + b"\n"


def _parse(slot: bytes) -> int | None:
    digits = slot[:20]
    return int(digits) if digits.isdigit() and slot == _slot(int(digits)) else None
