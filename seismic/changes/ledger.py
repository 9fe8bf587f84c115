"""The last change of each document since the generation was published."""

from pathlib import Path

import pyarrow as pa

from seismic.changes.records import named_ids
from seismic.store.log import position_after, read_quiet_log, segment_path


class Ledger:
    """The sequences of the last changes that named documents, read from the log when they are needed.

    A document that no change since the generation named counts as changed with the generation.
    """

    def __init__(self, collection: Path, generation: int) -> None:
        """`generation`: sequence of the last change that the generation contains."""
        self._collection, self._generation = collection, generation
        self._position = position_after(collection, generation)
        self._last: dict[str | int, int] = {}

    def last(self, ids: pa.Array) -> list[int]:
        """Return the sequence of the last change that named each id. The caller holds `appending`."""
        if not segment_path(self._collection, self._position.segment).exists():  # pruned, or no log yet
            self._position = position_after(self._collection, max(self._position.sequence, self._generation))
        while True:
            records, self._position = read_quiet_log(self._collection, self._position)
            if not records:
                break
            for record in records:
                if record.sequence > self._generation:
                    for named in named_ids(record.body):
                        self._last.update(dict.fromkeys(named.to_pylist(), record.sequence))
        return [self._last.get(id, self._generation) for id in ids.to_pylist()]
