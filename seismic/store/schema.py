"""Schemas of the Arrow files, and the conversion between their columns and the arrays of kernels.

Every file except documents.arrow holds one record batch, so that each column is one contiguous buffer.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.components import component_dtype
from seismic.errors import CorruptIndexError, InputError
from seismic.kernels.constants import BLOCK, POSITION_WINDOW
from seismic.kernels.impacts import Impacts
from seismic.kernels.lists import Blocks, Summaries
from seismic.kernels.maxima import Maxima, block_windows, padded_blocks, padded_superblocks
from seismic.kernels.score import Forward
from seismic.kernels.shared import Shared

DOCUMENTS, FORWARD, POSTINGS, SUMMARIES = (
    "documents.arrow",
    "forward.arrow",
    "postings.arrow",
    "summaries.arrow",
)
MAXIMA, SHARED, IMPACTS, COMPONENTS = "maxima.arrow", "shared.arrow", "impacts.arrow", "components.arrow"

SHARED_RESIDUALS = ("residuals", "own_residuals")
"""Columns of shared.arrow that the layout `small` lacks."""

SHARED_UNUSED = ("tops",)
"""Columns of shared.arrow in early files of format 1.0: the largest value of each row."""

MAX_OFFSET = 2**31 - 1


def component_type(dimension: int) -> pa.DataType:
    """Return uint16 if every component fits, else uint32."""
    return pa.from_numpy_dtype(component_dtype(dimension))


def components_schema() -> pa.Schema:
    """Return the schema of components.arrow. Row = the number that the shard's other files have for a component."""
    return pa.schema([pa.field("component", pa.uint32(), nullable=False)])


def forward_schema(dimension: int) -> pa.Schema:
    """Return the schema of forward.arrow. Row = position: the document's number in the shard, and its vector."""
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
    """Return the schema of shared.arrow. Row = block of 8 documents; the last one may have fewer.

    A row has the components of two or more documents, each with a bit per document and a code per set bit; then each
    document's own components.
    """

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
    """Return the schema of maxima.arrow. Row = component: its maxima over blocks, and the end of each window's maxima.

    Blocks are numbered within windows of 65,536. A dense row has no block numbers, but a code for every block
    and, in large shards, for every superblock.
    """
    return pa.schema(
        {
            "blocks": pa.list_(pa.field("block", pa.uint16(), nullable=False)),
            "codes": pa.list_(pa.field("code", pa.uint8(), nullable=False)),
            "ends": pa.list_(pa.field("end", pa.uint32(), nullable=False), block_windows(documents)),
            "scale": pa.float32(),
        }
    )


def impacts_schema(documents: int) -> pa.Schema:
    """Return the schema of impacts.arrow. Row = component: all its postings, and the end of each window's postings.

    A posting has a position within its window of 65,536 and a value in 1 / 256 of the document's scale.
    """
    windows = -(-documents // POSITION_WINDOW)
    return pa.schema(
        {
            "positions": pa.list_(pa.field("position", pa.uint16(), nullable=False)),
            "values": pa.list_(pa.field("value", pa.uint16(), nullable=False)),
            "ends": pa.list_(pa.field("end", pa.uint32(), nullable=False), windows),
        }
    )


def postings_schema() -> pa.Schema:
    """Return the schema of postings.arrow. Row = component: its list blocks, each block << 8 | a bit per document."""
    return pa.schema({"blocks": pa.list_(pa.field("block", pa.uint32(), nullable=False))})


def summaries_schema(dimension: int) -> pa.Schema:
    """Return the schema of summaries.arrow. Row = component: the inverted summaries of its list.

    A run holds the entries of one component. Runs of equal length are stored together; `shapes` counts them. An entry
    is list block << 3 | code; code 0 is padding.
    """
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
    """Return the schema of vocabulary.arrow. Row = component."""
    return pa.schema({"token": pa.string(), "document_frequency": pa.int64(), "idf": pa.float32()})


def forward_batch(forward: Forward, dimension: int) -> pa.RecordBatch:
    """Return the record batch of forward.arrow."""
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
    """Return the record batch of shared.arrow."""
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
    """Return the record batch of maxima.arrow."""
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
    """Return the record batch of impacts.arrow."""
    schema, starts = impacts_schema(documents), pa.array(impacts.starts)
    positions, values = (
        pa.ListArray.from_arrays(starts, pa.array(flat), type=schema.field(name).type)
        for name, flat in (("positions", impacts.positions), ("values", impacts.values))
    )
    ends = pa.FixedSizeListArray.from_arrays(pa.array(impacts.ends), type=schema.field("ends").type)
    return pa.record_batch([positions, values, ends], schema=schema)


def postings_batch(blocks: Blocks) -> pa.RecordBatch:
    """Return the record batch of postings.arrow."""
    schema = postings_schema()
    kind = schema.field("blocks").type
    column = pa.ListArray.from_arrays(pa.array(blocks.lists), pa.array(blocks.members), type=kind)
    return pa.record_batch([column], schema=schema)


def summaries_batch(summaries: Summaries, dimension: int) -> pa.RecordBatch:
    """Return the record batch of summaries.arrow."""
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
    """Return the arrays of forward.arrow, without copying."""
    vectors = {name: _lists(batch.column(name), f"{FORWARD}: {name}") for name in ("components", "codes", "residuals")}
    starts = vectors["components"][0]
    for name, (offsets, _) in vectors.items():
        if not np.array_equal(starts, offsets):
            raise CorruptIndexError(f"{FORWARD}: {name} and components have lists of different lengths")
    components, codes, residuals = (_flat(values) for _, values in vectors.values())
    return Forward(_flat(batch.column("number")), starts, components, codes, residuals, _flat(batch.column("scale")))


def shared_arrays(batch: pa.RecordBatch) -> Shared:
    """Return the arrays of shared.arrow, without copying."""
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
        values[name] = np.frombuffer(b"", np.int8)  # read-only, as the others are
    starts = {name: found[name][0] for name in ("components", "codes", "own_components")}
    n = len(values["numbers"])
    if not np.array_equal(found["numbers"][0], np.minimum(np.arange(len(batch) + 1) * BLOCK, n)):
        raise CorruptIndexError(f"{SHARED}: numbers: a block before the last does not have {BLOCK} documents")
    return Shared(
        *(values["numbers"], values["scales"]),
        *(starts["components"], values["components"], values["documents"]),
        *(starts["codes"], values["codes"], values["residuals"]),
        *(starts["own_components"], values["own_components"], values["own_codes"], values["own_residuals"]),
        _flat(batch.column("own_ends").flatten()),
    )


def maxima_arrays(batch: pa.RecordBatch, documents: int) -> Maxima:
    """Return the arrays of maxima.arrow, without copying."""
    block_starts, blocks = _lists(batch.column("blocks"), f"{MAXIMA}: blocks")
    code_starts, codes = _lists(batch.column("codes"), f"{MAXIMA}: codes")
    n_blocks, n_codes = np.diff(block_starts), np.diff(code_starts)
    dense = padded_blocks(documents)
    with_superblocks = dense + padded_superblocks(documents)
    is_dense = (n_blocks == 0) & ((n_codes == dense) | (n_codes == with_superblocks))
    if not ((n_codes == n_blocks) | is_dense).all():
        raise CorruptIndexError(
            f"{MAXIMA}: rows have neither one code per block number nor {dense} or {with_superblocks} codes"
        )
    ends = _flat(batch.column("ends").flatten())
    return Maxima(block_starts, _flat(blocks), ends, code_starts, _flat(codes), _flat(batch.column("scale")))


def impacts_arrays(batch: pa.RecordBatch) -> Impacts:
    """Return the arrays of impacts.arrow, without copying."""
    starts, positions = _lists(batch.column("positions"), f"{IMPACTS}: positions")
    others, values = _lists(batch.column("values"), f"{IMPACTS}: values")
    if not np.array_equal(starts, others):
        raise CorruptIndexError(f"{IMPACTS}: values and positions have lists of different lengths")
    return Impacts(starts, _flat(positions), _flat(values), _flat(batch.column("ends").flatten()))


def blocks_arrays(batch: pa.RecordBatch) -> Blocks:
    """Return the arrays of postings.arrow, without copying."""
    lists, members = _lists(batch.column("blocks"), f"{POSTINGS}: blocks")
    return Blocks(lists, _flat(members))


def summaries_arrays(batch: pa.RecordBatch) -> Summaries:
    """Return the arrays of summaries.arrow, without copying."""
    shapes, children = _lists(batch.column("shapes"), f"{SUMMARIES}: shapes")
    runs, components = _lists(batch.column("components"), f"{SUMMARIES}: components")
    starts, entries = _lists(batch.column("entries"), f"{SUMMARIES}: entries")
    lengths, counts = (_flat(column) for column in children.flatten())
    for what, ends, per_shape in (
        ("components", runs, counts.astype(np.int64)),
        ("entries", starts, counts.astype(np.int64) * lengths),
    ):
        if not np.array_equal(np.concatenate([[0], np.cumsum(per_shape)])[shapes], ends):
            raise CorruptIndexError(f"{SUMMARIES}: shapes and {what} disagree in number")
    scales = _flat(batch.column("scale"))
    return Summaries(shapes, lengths, counts, runs, _flat(components), starts, _flat(entries), scales)


def check_offset(count: int, what: str) -> None:
    """Raise InputError if a list offset exceeds the 31 bits of Arrow lists."""
    if count > MAX_OFFSET:
        raise InputError(f"found {count} {what} in one shard, expected at most {MAX_OFFSET}; build more shards")


def _flat(array: pa.Array) -> npt.NDArray[Any]:
    if array.null_count:
        raise CorruptIndexError(f"found {array.null_count} nulls among {array.type} values, expected none")
    view: npt.NDArray[Any] = array.to_numpy(zero_copy_only=True)
    return view


def _lists(column: pa.ListArray, place: str) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Return the (offsets, children) of a list column. Offsets are checked, because kernels trust them."""
    offsets = column.offsets.to_numpy(zero_copy_only=True)
    children = column.values
    if offsets[0] != 0 or offsets[-1] != len(children) or (offsets[1:] < offsets[:-1]).any():
        raise CorruptIndexError(f"{place}: list offsets do not rise from 0 to {len(children)}, the number of values")
    return offsets, children
