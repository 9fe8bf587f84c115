import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import CorruptIndexError
from seismic.store.manifest import read_manifest
from seismic.store.shard import open_shard

FILES = [f"{name}.arrow" for name in ("documents", "forward", "impacts", "maxima", "postings", "shared", "summaries")]


def test_opens_what_was_built(generation: Path) -> None:
    manifest = read_manifest(generation)
    for entry in manifest.shards:
        shard = open_shard(generation, entry, "lists", manifest.dimension)
        assert len(shard) == len(shard.shared.scales) == shard.documents.num_rows == 20
        assert sorted(shard.shared.numbers.tolist()) == list(range(20))
        assert len(shard.shared.codes) + len(shard.shared.own_codes) == entry.nnz
        assert len(shard.maxima.block_starts) == len(shard.maxima.code_starts) == manifest.dimension + 1
        assert shard.lists is not None
        assert len(shard.lists.forward.components) == entry.nnz
        assert np.bitwise_count(shard.lists.blocks.members & 255).sum() == entry.postings
        assert len(shard.lists.blocks.members) == entry.blocks
        assert np.diff(shard.lists.blocks.lists).max() == entry.most_blocks
        assert len(shard.lists.blocks.lists) == len(shard.lists.summaries.runs) == manifest.dimension + 1
        assert set(entry.files) == set(FILES)


def test_arrays_are_read_only_views_of_the_files(generation: Path) -> None:
    entry = read_manifest(generation).shards[0]
    shard = open_shard(generation, entry, "lists", 30)
    assert shard.lists is not None
    assert shard.impacts is not None
    for name, arrays in (
        ("shared", shard.shared),
        ("impacts", shard.impacts),
        ("forward", shard.lists.forward),
        ("maxima", shard.maxima),
        ("postings", shard.lists.blocks),
        ("summaries", shard.lists.summaries),
    ):
        first, last = mapped_range(generation / entry.folder / f"{name}.arrow")
        for array in filter(len, arrays):
            assert not array.flags.writeable
            assert first <= array.ctypes.data <= array.ctypes.data + array.nbytes <= last


def mapped_range(path: Path) -> tuple[int, int]:
    """Return the addresses at which this process maps a file."""
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    ends = [int(end, 16) for line in lines for end in line[0].split("-")]
    return min(ends), max(ends)


def test_the_layout_shared_needs_no_lists(generation: Path) -> None:
    entry = read_manifest(generation).shards[0]
    files = {
        name: file
        for name, file in entry.files.items()
        if name not in ("forward.arrow", "postings.arrow", "summaries.arrow")
    }
    assert open_shard(generation, entry.model_copy(update={"files": files}), "shared", 30).lists is None


@pytest.mark.parametrize("name", [*(f"shard-00001/{name}" for name in FILES), "vocabulary.arrow"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, expected"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "bytes, expected"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "is not a readable Arrow file"),
    ],
)
def test_damaged_files_are_named(
    generation: Path, collection: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(generation / name)
    with pytest.raises(CorruptIndexError, match=rf"{name} ?.*{message}"):
        seismic.open(collection)


@pytest.mark.parametrize("name", FILES)
def test_files_of_another_shard_are_noticed(generation: Path, collection: Path, name: str) -> None:
    one, other = (generation / f"shard-0000{number}" / name for number in (0, 1))
    if one.stat().st_size == other.stat().st_size:
        pytest.skip("both files have the same size: only their hashes tell them apart")
    shutil.copy(one, other)
    with pytest.raises(CorruptIndexError, match=name):
        seismic.open(collection)


@pytest.mark.parametrize("name", [name for name in FILES if name != "impacts.arrow"])
def test_files_the_manifest_does_not_list(generation: Path, name: str) -> None:
    entry = read_manifest(generation).shards[0]
    files = {other: file for other, file in entry.files.items() if other != name}
    with pytest.raises(CorruptIndexError, match=f"the manifest lists no {name}"):
        open_shard(generation, entry.model_copy(update={"files": files}), "lists", 30)


@pytest.mark.parametrize(("documents", "dimension", "name"), [(19, 30, "documents"), (20, 31, "maxima")])
def test_row_counts_must_fit_the_shard(generation: Path, documents: int, dimension: int, name: str) -> None:
    entry = read_manifest(generation).shards[0].model_copy(update={"documents": documents})
    with pytest.raises(CorruptIndexError, match=rf"{name}\.arrow: found \d+ rows, expected \d+"):
        open_shard(generation, entry, "lists", dimension)


def test_components_of_another_width(generation: Path) -> None:
    with pytest.raises(CorruptIndexError, match=r"shared\.arrow: found columns .*uint16.*, expected .*uint32"):
        open_shard(generation, read_manifest(generation).shards[0], "lists", 70_000)


def test_any_arrow_tool_reads_the_files(generation: Path) -> None:
    for name in [*(f"shard-00000/{name}" for name in FILES), "vocabulary.arrow"]:
        with pa.memory_map(str(generation / name)) as source:
            table = pa.ipc.open_file(source).read_all()
            table.validate(full=True)
            assert table.num_rows == {"forward": 20, "documents": 20, "shared": 3}.get(Path(name).stem, 30)
