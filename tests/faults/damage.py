"""Damage the files of an index, one at a time, and search what can still be opened.

test_damage.py runs `python -m tests.faults.damage KIND FOLDER`: a search that leaves its arrays kills this process, not
the tests. Prints each case before trying it, and counts as JSON at the end.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

import seismic
from seismic import BuildParams, CorruptIndexError, SearchParams, SparseVectors, StorageError, Vocabulary
from seismic.layouts import Layout
from seismic.store.manifest import read_manifest
from seismic.store.sections import placed


def make(folder: Path, dimension: int, documents: int, layout: Layout = "lists") -> Path:
    """Build two intact generations with payload of several types and return the second."""
    rng = np.random.default_rng(1)
    rows: list[dict[int, float]] = []
    for _ in range(documents):
        components = (rng.zipf(1.3, 9) * 7919) % dimension
        rows.append({int(component): float(rng.integers(1, 99)) / 8 for component in sorted(set(components))})
    table = pa.table(
        {
            "id": [f"d{number}" for number in range(documents)],
            "text": ["some text " * (number % 5) for number in range(documents)],
            "year": pa.array(range(documents), pa.int16()),
            "tags": [["a", "bc"][: number % 3] for number in range(documents)],
            "kind": pa.array(["x", "y"] * (documents // 2)).dictionary_encode(),
        }
    )
    vocabulary = Vocabulary([f"t{component}" for component in range(dimension)]) if dimension < 1000 else None
    for _ in range(2):
        generation = seismic.build(
            SparseVectors.from_dicts(rows, dimension),
            folder / "c",
            documents=table,
            vocabulary=vocabulary,
            params=BuildParams(layout=layout, seed=3),
            shards=2,
            replace=(folder / "c").exists(),
        )
    return generation


def use(collection: Path) -> str:
    """Open without hashes, search by all plans, read all payloads; return `refused` or `survived`."""
    queries = SparseVectors.from_dicts([{component * 7919 % 60: 1.0 for component in range(9)}, {0: 2.0}], 60)
    try:
        with seismic.open(collection) as index:
            for plan in ("exact", "lists") if index.manifest.layout == "lists" else ("exact",):
                params = SearchParams(plan=plan, query_cut=9 if plan == "lists" else None)  # type: ignore[arg-type]
                for k in (1, 10, 1000):
                    numbers, _ = index.search_batch(queries, k, params=params)
                    assert numbers.max() < len(index)
            for number in range(0, len(index), 7):
                try:
                    index.payloads([number])
                    index.document_ids([number])
                except (CorruptIndexError, ValueError):  # text that is not UTF-8
                    pass
            if index.vocabulary:
                index.vocabulary.token(3)
    except StorageError:
        return "refused"
    return "survived"


def flips(generation: Path, per_section: int = 4) -> dict[str, int]:
    """Flip bits in every section of every file: hashes find each, and none ends the process."""
    counts = {"cases": 0, "detected": 0, "refused": 0, "survived": 0, "sections": 0}
    draw = random.Random(7)
    for name, entry in read_manifest(generation).files.items():
        path = generation / name
        content = path.read_bytes()
        for first, section in placed(entry.sections):
            counts["sections"] += 1
            places = {first + draw.randrange(section.bytes) for _ in range(per_section)}
            for place in sorted(places):
                bit = draw.choice((0, 3, 7))
                print(name, section.name, "byte", place, "bit", bit, flush=True)
                changed = bytearray(content)
                changed[place] ^= 1 << bit
                replace(path, changed)
                counts["cases"] += 1
                found = seismic.verify(generation.parents[1]).damages
                assert [(one.file, one.section) for one in found] == [(name, section.name)], found
                counts["detected"] += 1
                counts[use(generation.parents[1])] += 1
        replace(path, content)
    return counts


def replace(path: Path, content: bytes | bytearray) -> None:
    """Replace the file by a new one, so that mappings keep their content."""
    path.unlink()
    path.write_bytes(content)


LOSSES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda content: None,
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0" * 100,
    "zeros": lambda content: bytes(len(content)),
    "zeros at the end": lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    "zeros in the middle": lambda content: content[:600] + bytes(max(0, len(content) - 1200)) + content[-600:],
    "noise": lambda content: random.Random(3).randbytes(len(content)),
}
"""What a disk may turn a file into that was never synced, and worse."""


def losses(generation: Path) -> dict[str, int]:
    """Lose every file in every way, including the manifest and CURRENT; then roll back to the previous generation."""
    collection = generation.parents[1]
    paths = [*(generation / name for name in read_manifest(generation).files), generation / "manifest.json"]
    counts = {"cases": 0, "refused": 0, "survived": 0, "rolled back": 0}
    for path in [*paths, collection / "CURRENT"]:
        content = path.read_bytes()
        for way, change in LOSSES.items():
            changed = change(content)
            if changed == content or (way == "longer" and path.name == "CURRENT"):
                continue
            print(path.name, way, flush=True)
            path.unlink()
            if changed is not None:
                path.write_bytes(changed)
            counts["cases"] += 1
            check_loss(collection, generation, counts)
            replace(path, content) if path.exists() else path.write_bytes(content)
            seismic.rollback(collection, generation.name)
    return counts


def check_loss(collection: Path, generation: Path, counts: dict[str, int]) -> None:
    try:
        seismic.open(collection, verify="full")
    except StorageError:
        pass
    else:
        raise AssertionError("damage was not noticed")
    counts[use(collection)] += 1
    assert seismic.rollback(collection, "1") == "000001"
    assert use(collection) == "survived"
    counts["rolled back"] += 1


def swaps(generation: Path) -> dict[str, int]:
    """Swap files within and across shards."""
    counts = {"cases": 0, "refused": 0, "survived": 0}
    names = [*read_manifest(generation).files]
    for one, other in pairs(names):
        first, second = (generation / name for name in (one, other))
        if first.read_bytes() == second.read_bytes():
            continue
        print(one, other, flush=True)
        contents = first.read_bytes(), second.read_bytes()
        replace(first, contents[1])
        replace(second, contents[0])
        counts["cases"] += 1
        assert {one, other} <= {damage.file for damage in seismic.verify(generation.parents[1]).damages}
        counts[use(generation.parents[1])] += 1
        replace(first, contents[0])
        replace(second, contents[1])
    return counts


def launder(generation: Path) -> dict[str, int]:
    """Change one byte of every section of every file: nothing that writes hashes may take the damage along."""
    collection, names = generation.parents[1], sorted(path.name for path in generation.parent.iterdir())
    seismic.delete(collection, ["d3"])
    counts, draw = {"cases": 0, "refused": 0, "sections": 0}, random.Random(9)
    writers: dict[str, Callable[[], object]] = {
        "compact": lambda: seismic.compact(collection),
        "tune": lambda: seismic.tune(collection, depths=[1], targets=[0.9], sample=5),
        "snapshot": lambda: seismic.create_snapshot(collection, collection.parent / "snapshot"),
        "rollback": lambda: seismic.rollback(collection, generation.name),
    }
    for name, entry in read_manifest(generation).files.items():
        content = (generation / name).read_bytes()
        for first, section in placed(entry.sections):
            counts["sections"] += 1
            changed = bytearray(content)
            changed[first + draw.randrange(section.bytes)] ^= draw.randrange(1, 256)
            replace(generation / name, changed)
            for verb, write in writers.items():
                print(name, section.name, verb, flush=True)
                counts["cases"] += 1
                try:
                    write()
                except StorageError as error:
                    counts["refused" if name in str(error) else f"{name} unnamed"] += 1
        replace(generation / name, content)
    assert names == sorted(path.name for path in generation.parent.iterdir())
    assert not (collection.parent / "snapshot").exists()
    assert not (collection / "profiles").exists()
    assert seismic.compact(collection)
    return counts


def pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each file with the next one, and with its counterpart in the other shard."""
    yield from pairwise(names)
    yield from ((name, name.replace("00000/", "00001/")) for name in names if "00000/" in name)


def main(kind: str, folder: Path) -> None:
    if kind == "wide":
        counts = flips(make(folder, 70_000, 60), per_section=1)
    elif kind == "small":
        counts = flips(make(folder, 60, 60, "small"), per_section=2)
    else:
        counts = {"flips": flips, "losses": losses, "swaps": swaps, "launder": launder}[kind](make(folder, 60, 60))
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
