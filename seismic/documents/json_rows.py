"""JSON of hits, with their ids, scores and payloads, straight from the buffers of Arrow's columns."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.documents.cells import Cell
from seismic.kernels import json_rows as kernel

Dumps: TypeAlias = Callable[[Any], bytes]
"""Returns the JSON of a value as `cell_reader` returns it."""

Node: TypeAlias = list[int]

NOTHING_GIVEN = kernel.Given(np.zeros(0, np.uint8), np.zeros(1, np.int64))


class JsonRows:
    """Writes hits of a collection as a JSON list: each with id, score and the payload of some columns.

    `columns`: None writes no payload. `cells`: by batch, the readers of columns that the kernel does not know. Their
    values are written by `dumps`.
    """

    def __init__(
        self,
        batches: Sequence[pa.RecordBatch],
        schema: pa.Schema,
        columns: Sequence[str] | None,
        cells: Sequence[dict[str, Cell]],
        dumps: Dumps,
    ) -> None:
        self._names, self._cells, self._dumps = ["id", *dict.fromkeys(columns or ())], cells, dumps
        self._batches = batches  # keeps the addresses valid
        nodes: list[Node] = []
        roots = [[_add_column(nodes, batch, schema, name) for name in self._names] for batch in batches]
        shape = len(batches), len(self._names)
        self._given = [[nodes[root][kernel.KIND] == kernel.GIVEN for root in row] for row in roots]
        self._any_given = any(map(any, self._given))
        self._ends = np.cumsum([batch.num_rows for batch in batches], dtype=np.int64)
        texts = _between(self._names, dumps, payload=columns is not None)
        self._table = kernel.Table(
            self._ends,
            np.array(nodes, np.int64).reshape(len(nodes), kernel.FIELDS),
            np.array(roots, np.int64).reshape(shape),
            np.frombuffer(b"".join(texts), np.uint8).copy(),
            np.cumsum(list(map(len, texts)), dtype=np.int64),
        )

    def write(
        self, numbers: npt.NDArray[np.int64], scores: bytes, out: npt.NDArray[np.uint8]
    ) -> int | Literal["larger", "unusual"]:
        """Write the hits with document numbers int64 [n], up to the first negative one, to `out`; return the length.

        `scores`: their scores, as a JSON list. "larger": `out` has too little room. "unusual": a value is damaged or
        beyond int64; `Documents.payloads` reads it, or says what is wrong.
        """
        given = self._made(numbers) if self._any_given else NOTHING_GIVEN
        rows = kernel.Rows(numbers, np.frombuffer(scores, np.uint8))
        length = int(kernel.write_rows(rows, self._table, given, out))
        return length if length >= 0 else "larger" if length == kernel.LARGER else "unusual"

    def _made(self, numbers: npt.NDArray[np.int64]) -> kernel.Given:
        """Return the JSON of cells that the kernel does not know."""
        parts = []
        for number in numbers.tolist():
            if number < 0:
                break
            batch = int(np.searchsorted(self._ends, number, side="right"))
            row = number - (int(self._ends[batch - 1]) if batch else 0)
            for name, given in zip(self._names, self._given[batch], strict=True):
                if given:
                    parts.append(self._dumps(self._cells[batch][name](row)))
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return kernel.Given(np.frombuffer(b"".join(parts), np.uint8), ends)


def _between(names: Sequence[str], dumps: Dumps, *, payload: bool) -> list[bytes]:
    """Return what is written before each column, the score after the first one, and what ends a row."""
    texts = [b'{"id":', b',"score":']
    for at, name in enumerate(names[1:]):
        texts.append((b"," if at else b',"payload":{') + dumps(name) + b":")
    if payload and len(names) == 1:
        return [*texts, b',"payload":{}}']
    return [*texts, b"}}" if payload else b"}"]


def _add_column(nodes: list[Node], batch: pa.RecordBatch, schema: pa.Schema, name: str) -> int:
    """Add the nodes of a column, which a batch may lack or have in a narrower type, and return the last one's place."""
    at = batch.schema.get_field_index(name)
    if at < 0:
        return _add(nodes, kernel.NULL)
    column = batch.column(at)
    if not (column.type == schema.field(name).type or pa.types.is_dictionary(column.type)):
        return _add(nodes, kernel.GIVEN)
    return _add_values(nodes, column, lists=True)


def _add(nodes: list[Node], kind: int, column: pa.Array | None = None, **fields: int) -> int:
    node = [0] * kernel.FIELDS
    node[kernel.KIND] = kind
    if column is not None:
        node[kernel.OFFSET] = column.offset
        node[kernel.VALIDITY] = column.buffers()[0].address if column.null_count else 0
    for name, value in fields.items():
        node[getattr(kernel, name)] = value
    nodes.append(node)
    return len(nodes) - 1


def _add_values(nodes: list[Node], column: pa.Array, *, lists: bool) -> int:
    """Add the node of values, after those of its children; GIVEN for types that the kernel does not know."""
    kind, buffers = column.type, column.buffers()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        size = buffers[2].size if buffers[2] else 0
        ends = _placed(column, 8 if pa.types.is_large_string(kind) else 4, "ENDS")
        return _add(nodes, kernel.TEXT, column, **ends, VALUES=_address(buffers[2]), SIZE=size)
    if pa.types.is_integer(kind):
        signed = kernel.SIGNED if pa.types.is_signed_integer(kind) else kernel.UNSIGNED
        return _add(nodes, signed, column, **_placed(column, kind.bit_width // 8, "VALUES"))
    if pa.types.is_boolean(kind):
        return _add(nodes, kernel.BOOLEAN, column, VALUES=_address(buffers[1]))
    if pa.types.is_dictionary(kind):
        child, codes = _add_values(nodes, column.dictionary, lists=False), column.indices
        if nodes[child][kernel.KIND] not in (kernel.CODED, kernel.GIVEN):
            place = _placed(codes, codes.type.bit_width // 8, "VALUES")
            return _add(nodes, kernel.CODED, codes, **place, SIZE=len(column.dictionary), CHILD=child)
    if lists and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        child = _add_values(nodes, column.values, lists=False)
        if nodes[child][kernel.KIND] != kernel.GIVEN:
            ends = _placed(column, 8 if pa.types.is_large_list(kind) else 4, "ENDS")
            return _add(nodes, kernel.LIST, column, **ends, SIZE=len(column.values), CHILD=child)
    return _add(nodes, kernel.GIVEN)


def _placed(column: pa.Array, width: int, field: str) -> dict[str, int]:
    """Return the width of a column's numbers, and the address of the first one in a field."""
    return {"WIDTH": width, field: _address(column.buffers()[1]) + column.offset * width}


def _address(buffer: pa.Buffer | None) -> int:
    return buffer.address if buffer else 0
