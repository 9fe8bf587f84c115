"""Huge pages for mapped files."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import seismic
from seismic.search import warm
from seismic.store.manifest import read_manifest
from seismic.store.pages import load, prefer_huge_pages
from seismic.store.shard import open_shard

HUGE = "hg"
"""Flag of a mapping in /proc/self/smaps that prefers huge pages."""

linux = pytest.mark.skipif(
    sys.platform != "linux" or not Path("/sys/kernel/mm/transparent_hugepage").exists(),
    reason="this kernel has no transparent huge pages",
)


def mappings_of(file: Path) -> Iterator[tuple[range, list[str]]]:
    """Yield the addresses of each mapping of a file, and its flags."""
    addresses = None
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if first == "VmFlags:" and addresses is not None:
            yield addresses, rest
        elif not first.endswith(":"):
            start, stop = (int(address, 16) for address in first.split("-"))
            addresses = range(start, stop) if rest[-1:] == [str(file)] else None


def prefers(file: Path, array: np.ndarray) -> bool:
    """Return whether the whole array lies in mappings of the file that prefer huge pages."""
    huge = [addresses for addresses, flags in mappings_of(file) if HUGE in flags]
    ends = array.ctypes.data, array.ctypes.data + array.nbytes - 1
    return all(any(end in addresses for addresses in huge) for end in ends)


@linux
def test_the_mappings_of_all_arrays_prefer_huge_pages(generation: Path) -> None:
    entry = read_manifest(generation).shards[0]
    shard = open_shard(generation, entry, "lists", 30)
    file = (generation / entry.folder / "shared.arrow").resolve()
    assert not prefers(file, shard.shared.codes)
    prefer_huge_pages(shard.mapped())
    load(shard.mapped())
    for array in shard.shared:
        assert array.nbytes == 0 or prefers(file, array)


@linux
@pytest.mark.parametrize("room", [True, False])
def test_warming_up_asks_for_them_if_memory_has_room(
    room: bool, generation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = generation.parent.parent
    with seismic.open(collection) as index:
        size = index.manifest.bytes
        monkeypatch.setattr(warm, "memory_limit", lambda: 2 * size if room else 2 * size - 1)
        index.warm_up()
        shard = index.view.base[0].shard
        file = (generation / shard.entry.folder / "maxima.arrow").resolve()
        assert prefers(file, shard.maxima.codes) == room


def test_every_array_of_a_layout_is_mapped(generation: Path) -> None:
    shard = open_shard(generation, read_manifest(generation).shards[0], "lists", 30)
    assert shard.lists is not None
    assert shard.impacts is not None
    parts = (shard.shared, shard.maxima, shard.impacts, shard.lists.forward, shard.lists.blocks, shard.lists.summaries)
    assert {id(array) for array in shard.mapped()} == {id(array) for part in parts for array in part}
