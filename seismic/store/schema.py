"""What a row of each Arrow file is, and how its buffers become the arrays kernels take.

Every file but documents.arrow holds one record batch, so that a column is one contiguous buffer.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.errors import CorruptIndexError, InputError
from seismic.kernels.impacts import WINDOW, Impacts
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import BLOCK, GROUP, Maxima, windows_of
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared

DOCUMENTS, FORWARD, POSTINGS, SUMMARIES = (
    "documents.arrow",
    "forward.arrow",
    "postings.arrow",
    "summaries.arrow",
)
MAXIMA, SHARED, IMPACTS = "maxima.arrow", "shared.arrow", "impacts.arrow"

SHARED_RESIDUALS = ("residuals", "own_residuals")
"""Columns of shared.arrow that the layout `small` does without."""

SHARED_UNUSED = ("tops",)
"""What shared.arrow had, too, when format 1.0 was new: the largest value of each row."""

MAX_OFFSET = 2**31 - 1


def component_type(dimension: int) -> pa.DataType:
    """uint16 if every component fits, else uint32."""
    return pa.uint16() if dimension <= 1 << 16 else pa.uint32()


def forward_schema(dimension: int) -> pa.Schema:
    """Row = position in the shard's order: a document's number in the shard and its vector."""
    return pa.schema(
        {
            "number": pa.uint32(),
            "components": pa.list_(pa.field("component", component_type(dimension), nullable=False)),
            "codes": pa.list_(pa.field("code", pa.uint8(), nullable=False)),
            "residuals": pa.list_(pa.field("residual", pa.int8(), nullable=False)),
            "scale": pa.float32(),
        }
    )


def shared_schema(dimension: int, residuals: bool = True) -> pa.Schema:
    """Row = shared block: 8 neighbours, the last one maybe fewer. Components that two or more of them have, each with
    a bit for every document and a code for every bit; then each document's own components. `residuals`: whether there
    are some."""

    def lists(name: str, kind: pa.DataType) -> pa.DataType:
        return pa.list_(pa.field(name, kind, nullable=False))

    component = component_type(dimension)
    columns = {
        "numbers": lists("number", pa.uint32()),
        "scales": lists("scale", pa.float32()),
        "components": lists("component", component),
        "documents": lists("bits", pa.uint8()),
        "codes": lists("code", pa.uint8()),
        "residuals": lists("residual", pa.int8()),
        "own_components": lists("component", component),
        "own_codes": lists("code", pa.uint8()),
        "own_residuals": lists("residual", pa.int8()),
        "own_ends": pa.list_(pa.field("end", pa.uint32(), nullable=False), BLOCK),
    }
    return pa.schema({name: kind for name, kind in columns.items() if residuals or name not in SHARED_RESIDUALS})


def maxima_schema(documents: int) -> pa.Schema:
    """Row = component: its maxima over shared blocks, which are numbered within windows of 65,536; where those of each
    window end. A dense row has no block numbers, but a code for every block."""
    return pa.schema(
        {
            "blocks": pa.list_(pa.field("block", pa.uint16(), nullable=False)),
            "codes": pa.list_(pa.field("code", pa.uint8(), nullable=False)),
            "ends": pa.list_(pa.field("end", pa.uint32(), nullable=False), windows_of(documents)),
            "scale": pa.float32(),
        }
    )


def impacts_schema(documents: int) -> pa.Schema:
    """Row = component: every posting, its position within a window of 65,536 and its value in 1 / 256 of the document's
    scale; where the postings of each window end."""
    windows = -(-documents // WINDOW)
    return pa.schema(
        {
            "positions": pa.list_(pa.field("position", pa.uint16(), nullable=False)),
            "values": pa.list_(pa.field("value", pa.uint16(), nullable=False)),
            "ends": pa.list_(pa.field("end", pa.uint32(), nullable=False), windows),
        }
    )


def postings_schema() -> pa.Schema:
    """Row = component: its list's blocks, each a shared block << 8 | which of its documents, a bit each."""
    return pa.schema({"blocks": pa.list_(pa.field("block", pa.uint32(), nullable=False))})


def summaries_schema(dimension: int) -> pa.Schema:
    """Row = component: its list's summaries, inverted. A run is what they hold of one component; runs of equal length
    lie together, and `shapes` counts them. An entry is a block of the list << 3 | code; a code of 0 pads."""
    shape = pa.struct([pa.field("length", pa.uint16(), nullable=False), pa.field("runs", pa.uint32(), nullable=False)])
    return pa.schema(
        {
            "shapes": pa.list_(pa.field("shape", shape, nullable=False)),
            "components": pa.list_(pa.field("component", component_type(dimension), nullable=False)),
            "entries": pa.list_(pa.field("entry", pa.uint16(), nullable=False)),
            "scale": pa.float32(),
        }
    )


def vocabulary_schema() -> pa.Schema:
    """Row = component."""
    return pa.schema({"token": pa.string(), "document_frequency": pa.int64(), "idf": pa.float32()})


def forward_batch(forward: Forward, dimension: int) -> pa.RecordBatch:
    """forward.arrow's only batch."""
    schema = forward_schema(dimension)

    def lists(name: str, values: npt.NDArray[Any]) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(forward.starts), pa.array(values), type=schema.field(name).type)

    columns = [
        pa.array(forward.numbers),
        lists("components", forward.components),
        lists("codes", forward.codes),
        lists("residuals", forward.residuals),
        pa.array(forward.scales),
    ]
    return pa.record_batch(columns, schema=schema)


def shared_batch(shared: Shared, dimension: int, residuals: bool = True) -> pa.RecordBatch:
    """shared.arrow's only batch."""
    schema = shared_schema(dimension, residuals)
    documents = np.minimum(np.arange(len(shared.starts)) * BLOCK, len(shared.numbers)).astype(np.int32)
    starts = dict.fromkeys(("numbers", "scales"), documents)
    starts |= dict.fromkeys(("components", "documents"), shared.starts)
    starts |= dict.fromkeys(("codes", "residuals"), shared.code_starts)
    starts |= dict.fromkeys(("own_components", "own_codes", "own_residuals"), shared.own_starts)
    columns = [
        pa.ListArray.from_arrays(pa.array(starts[name]), pa.array(getattr(shared, name)), type=schema.field(name).type)
        for name in schema.names[:-1]
    ]
    ends = pa.FixedSizeListArray.from_arrays(pa.array(shared.own_ends), type=schema.field("own_ends").type)
    return pa.record_batch([*columns, ends], schema=schema)


def maxima_batch(maxima: Maxima, documents: int) -> pa.RecordBatch:
    """maxima.arrow's only batch."""
    schema = maxima_schema(documents)
    blocks, codes = (
        pa.ListArray.from_arrays(pa.array(starts), pa.array(values), type=schema.field(name).type)
        for name, starts, values in (
            ("blocks", maxima.block_starts, maxima.blocks),
            ("codes", maxima.code_starts, maxima.codes),
        )
    )
    ends = pa.FixedSizeListArray.from_arrays(pa.array(maxima.ends), type=schema.field("ends").type)
    return pa.record_batch([blocks, codes, ends, pa.array(maxima.scales)], schema=schema)


def impacts_batch(impacts: Impacts, documents: int) -> pa.RecordBatch:
    """impacts.arrow's only batch."""
    schema, starts = impacts_schema(documents), pa.array(impacts.starts)
    positions, values = (
        pa.ListArray.from_arrays(starts, pa.array(flat), type=schema.field(name).type)
        for name, flat in (("positions", impacts.positions), ("values", impacts.values))
    )
    ends = pa.FixedSizeListArray.from_arrays(pa.array(impacts.ends), type=schema.field("ends").type)
    return pa.record_batch([positions, values, ends], schema=schema)


def postings_batch(blocks: Blocks) -> pa.RecordBatch:
    """postings.arrow's only batch."""
    schema = postings_schema()
    kind = schema.field("blocks").type
    column = pa.ListArray.from_arrays(pa.array(blocks.lists), pa.array(blocks.members), type=kind)
    return pa.record_batch([column], schema=schema)


def summaries_batch(summaries: Summaries, dimension: int) -> pa.RecordBatch:
    """summaries.arrow's only batch."""
    schema = summaries_schema(dimension)
    shape = schema.field("shapes").type.value_type
    shapes = pa.StructArray.from_arrays([pa.array(summaries.lengths), pa.array(summaries.counts)], fields=list(shape))
    lists = (
        ("shapes", summaries.shapes, shapes),
        ("components", summaries.runs, pa.array(summaries.components)),
        ("entries", summaries.starts, pa.array(summaries.entries)),
    )
    columns = [
        pa.ListArray.from_arrays(pa.array(starts), values, type=schema.field(name).type)
        for name, starts, values in lists
    ]
    return pa.record_batch([*columns, pa.array(summaries.scales)], schema=schema)


def forward_arrays(batch: pa.RecordBatch) -> Forward:
    """The kernels' view of forward.arrow, without a copy."""
    vectors = {name: _lists(batch.column(name), f"{FORWARD}: {name}") for name in ("components", "codes", "residuals")}
    starts = vectors["components"][0]
    for name, (offsets, _) in vectors.items():
        if not np.array_equal(starts, offsets):
            raise CorruptIndexError(f"{FORWARD}: {name} and components have lists of different lengths")
    components, codes, residuals = (_flat(values) for _, values in vectors.values())
    return Forward(_flat(batch.column("number")), starts, components, codes, residuals, _flat(batch.column("scale")))


def shared_arrays(batch: pa.RecordBatch) -> Shared:
    """The kernels' view of shared.arrow, without a copy."""
    names = batch.schema.names[:-1]
    found = {name: _lists(batch.column(name), f"{SHARED}: {name}") for name in names}
    for first, *others in (
        ("numbers", "scales"),
        ("components", "documents"),
        ("codes", "residuals"),
        ("own_components", "own_codes", "own_residuals"),
    ):
        for other in others:
            if other in found and not np.array_equal(found[first][0], found[other][0]):
                raise CorruptIndexError(f"{SHARED}: {other} and {first} have lists of different lengths")
    values = {name: _flat(children) for name, (_, children) in found.items()}
    for name in set(SHARED_RESIDUALS) - set(names):
        values[name] = np.frombuffer(b"", np.int8)  # read-only, like the others
    starts = {name: found[name][0] for name in ("components", "codes", "own_components")}
    n = len(values["numbers"])
    if not np.array_equal(found["numbers"][0], np.minimum(np.arange(len(batch) + 1) * BLOCK, n)):
        raise CorruptIndexError(f"{SHARED}: numbers: found other than {BLOCK} documents in a block before the last")
    return Shared(
        *(values["numbers"], values["scales"]),
        *(starts["components"], values["components"], values["documents"]),
        *(starts["codes"], values["codes"], values["residuals"]),
        *(starts["own_components"], values["own_components"], values["own_codes"], values["own_residuals"]),
        _flat(batch.column("own_ends").flatten()),
    )


def maxima_arrays(batch: pa.RecordBatch, documents: int) -> Maxima:
    """The kernels' view of maxima.arrow, without a copy."""
    block_starts, blocks = _lists(batch.column("blocks"), f"{MAXIMA}: blocks")
    code_starts, codes = _lists(batch.column("codes"), f"{MAXIMA}: codes")
    n_blocks, n_codes = np.diff(block_starts), np.diff(code_starts)
    groups = -(-documents // (BLOCK * GROUP))
    if not ((n_codes == n_blocks) | ((n_blocks == 0) & (n_codes == groups * GROUP))).all():
        raise CorruptIndexError(f"{MAXIMA}: found rows with neither a code per block number nor {groups * GROUP} codes")
    ends = _flat(batch.column("ends").flatten())
    return Maxima(block_starts, _flat(blocks), ends, code_starts, _flat(codes), _flat(batch.column("scale")))


def impacts_arrays(batch: pa.RecordBatch) -> Impacts:
    """The kernels' view of impacts.arrow, without a copy."""
    starts, positions = _lists(batch.column("positions"), f"{IMPACTS}: positions")
    others, values = _lists(batch.column("values"), f"{IMPACTS}: values")
    if not np.array_equal(starts, others):
        raise CorruptIndexError(f"{IMPACTS}: values and positions have lists of different lengths")
    return Impacts(starts, _flat(positions), _flat(values), _flat(batch.column("ends").flatten()))


def blocks_arrays(batch: pa.RecordBatch) -> Blocks:
    """The kernels' view of postings.arrow, without a copy."""
    lists, members = _lists(batch.column("blocks"), f"{POSTINGS}: blocks")
    return Blocks(lists, _flat(members))


def summaries_arrays(batch: pa.RecordBatch) -> Summaries:
    """The kernels' view of summaries.arrow, without a copy."""
    shapes, children = _lists(batch.column("shapes"), f"{SUMMARIES}: shapes")
    runs, components = _lists(batch.column("components"), f"{SUMMARIES}: components")
    starts, entries = _lists(batch.column("entries"), f"{SUMMARIES}: entries")
    lengths, counts = (_flat(column) for column in children.flatten())
    for what, ends, per_shape in (
        ("components", runs, counts.astype(np.int64)),
        ("entries", starts, counts.astype(np.int64) * lengths),
    ):
        if not np.array_equal(np.concatenate([[0], np.cumsum(per_shape)])[shapes], ends):
            raise CorruptIndexError(f"{SUMMARIES}: shapes and {what} count differently")
    scales = _flat(batch.column("scale"))
    return Summaries(shapes, lengths, counts, runs, _flat(components), starts, _flat(entries), scales)


def check_offset(count: int, what: str) -> None:
    """Arrow lists count in 31 bits."""
    if count > MAX_OFFSET:
        raise InputError(f"found {count} {what} in one shard, expected at most {MAX_OFFSET}; build more shards")


def _flat(array: pa.Array) -> npt.NDArray[Any]:
    if array.null_count:
        raise CorruptIndexError(f"found {array.null_count} nulls among {array.type} values, expected none")
    view: npt.NDArray[Any] = array.to_numpy(zero_copy_only=True)
    return view


def _lists(column: pa.ListArray, place: str) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """(offsets, children) of a list column, checked: kernels follow offsets without looking."""
    offsets = column.offsets.to_numpy(zero_copy_only=True)
    children = column.values
    if offsets[0] != 0 or offsets[-1] != len(children) or (offsets[1:] < offsets[:-1]).any():
        raise CorruptIndexError(f"{place}: list offsets do not rise from 0 to {len(children)}, the values present")
    return offsets, children
