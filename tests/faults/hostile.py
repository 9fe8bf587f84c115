"""Write adversarial values with matching hashes into every column of every file and every field, then run every verb.

Hashes are no signature: whoever writes a file writes its hash as well. Whatever a file holds, no verb may end the
process, hang, or answer other than by the stored vectors if `verify` finds nothing.

`python -m tests.faults.hostile FOLDER [SHAPE ...] [--sample N]` prints each case that fails, and counts as JSON at the
end. The verbs of a case run in a process of their own.
"""

import json
import os
import random
import resource
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

import seismic
from seismic import BuildParams, SeismicError, SparseVectors, Vocabulary
from seismic.layouts import Layout
from seismic.store.files import hash_file
from seismic.store.manifest import FileEntry, read_manifest
from seismic.store.sections import FRAMING, placed
from tests.faults.manifests import manifests, read_content, write_content
from tests.faults.verbs import READING, WRITING

DOCUMENTS = 60
SECONDS = 120
"""CPU seconds after which a verb counts as hanging."""

MEMORY = 16 << 30
"""Bytes of address space beyond which a verb ends with a MemoryError."""

FRAMINGS = 12
"""Changes of each section of framing."""


MANIFEST = "manifest"


class Shape(NamedTuple):
    """A kind of index. ``length``: components of a document."""

    layout: Layout
    dimension: int
    length: int


SHAPES = {
    "small": Shape("small", 60, 9),
    "shared": Shape("shared", 60, 9),  # the layout `full` has the same files at this size
    "lists": Shape("lists", 60, 9),
    "table": Shape("lists", 70_000, 9),  # uses few of many components, by a table
    "wide": Shape("full", 100_000, 1_600),  # uses more than 65,536, so that components have 32 bits; lists take 442 MB
    MANIFEST: Shape("lists", 60, 9),  # the manifest is attacked, not the columns
}

Case: TypeAlias = tuple[str, Callable[[Path], None]]
"""A name, and a function that changes the folder of a generation."""


def make(folder: Path, shape: Shape) -> Path:
    """Build two generations with payload of several types, and changes after the second, which is returned."""
    rng = np.random.default_rng(1)
    width = 60 if shape.length < 60 else shape.dimension
    rows: list[dict[int, float]] = []
    for number in range(DOCUMENTS):
        components = set(((rng.zipf(1.3, 9) * 7919) % min(width, 1000)).tolist())
        components |= set(range(number * shape.length, (number + 1) * shape.length)) if shape.length > 60 else set()
        rows.append({component: float(rng.integers(30, 99)) / 8 for component in sorted(components)})
    table = _payload(range(DOCUMENTS))
    vocabulary = Vocabulary([f"t{component}" for component in range(shape.dimension)])
    for _ in range(2):
        generation = seismic.build(
            SparseVectors.from_dicts(rows, shape.dimension),
            folder,
            documents=table,
            vocabulary=vocabulary if shape.dimension < 1000 else None,
            params=BuildParams(layout=shape.layout, seed=3),
            shards=1 if shape.length > 60 else 2,
            replace=folder.exists(),
        )
    seismic.upsert(folder, SparseVectors.from_dicts(rows[:7], shape.dimension), _payload(range(20, 27)))
    seismic.delete(folder, ["d2", "d33"])
    return generation


def _payload(numbers: range) -> pa.Table:
    return pa.table(
        {
            "id": [f"d{number}" for number in numbers],
            "text": ["some text " * (number % 5) for number in numbers],
            "year": pa.array(numbers, pa.int16()),
            "tags": [["a", "bc"][: number % 3] for number in numbers],
            "kind": pa.array([("x", "y")[number % 2] for number in numbers]).dictionary_encode(),
            "when": pa.array([number * 10**15 for number in numbers], pa.timestamp("us")),
            "share": [number / 7 if number % 9 else None for number in numbers],
            "inner": [{"a": number, "b": [f"x{number}"]} for number in numbers],
        }
    )


# ---- adversarial values ------------------------------------------------------------------------------------------


class Target(NamedTuple):
    """The bytes of one column buffer: its file, section name, first byte, and values."""

    name: str
    section: str
    first: int
    values: npt.NDArray[Any]


def targets(generation: Path) -> Iterator[Target]:
    """Yield the buffers of all columns of all files of the first shard, and the framing between them."""
    for name, entry in read_manifest(generation).files.items():
        if "shard-00001" in name:
            continue
        content, kinds = (generation / name).read_bytes(), _kinds(generation / name)
        for first, section in placed(entry.sections):
            kind = kinds.get(section.name, "u1")
            values = np.frombuffer(content, kind, section.bytes // np.dtype(kind).itemsize, first)
            yield Target(name, section.name, first, values)


def _kinds(path: Path) -> dict[str, str]:
    """Return the NumPy type of each buffer by section name."""
    return dict(chain.from_iterable(_buffers(field.type, field.name) for field in pa.ipc.open_file(path).schema))


def _buffers(kind: pa.DataType, name: str) -> Iterator[tuple[str, str]]:
    labels = (["nulls", "offsets"] if kind.num_fields else ["nulls", "values"]) if kind.num_buffers == 2 else None
    for label, _ in zip_longest(labels or ["nulls", "offsets", "values"][: kind.num_buffers], ()):
        yield f"{name} {label}", {"nulls": "u1", "offsets": "<i4"}.get(str(label), _plain(kind))
    for field in map(kind.field, range(kind.num_fields)):
        yield from _buffers(field.type, f"{name}.{field.name}")


def _plain(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.index_type
    if not pa.types.is_primitive(kind) or pa.types.is_boolean(kind):
        return "u1"
    return f"<{'i8' if pa.types.is_temporal(kind) else np.dtype(kind.to_pandas_dtype()).str[1:]}"


def framings(values: npt.NDArray[Any]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the metadata of an Arrow file with a changed byte: lengths, offsets, types, counts."""
    draw = random.Random(len(values))
    for number in range(FRAMINGS):
        changed, place = values.copy(), draw.randrange(len(values))
        changed[place] = draw.choice((0, 1, 127, 128, 255, changed[place] ^ 1 << draw.randrange(8)))
        yield f"byte {place} is {changed[place]}, case {number}", changed


def adversarial(values: npt.NDArray[Any], dimension: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield values to put in place of a column's, with a name for each."""
    rng, draw = np.random.default_rng(len(values)), random.Random(len(values))
    place = draw.randrange(len(values))

    def one(at: int, value: Any) -> npt.NDArray[Any]:
        changed = values.copy()
        changed[at : at + 1] = np.array([value]).astype(values.dtype)
        return changed

    if values.dtype.kind == "f":
        for value in (0.0, np.nan, np.inf, -np.inf, -1.0, 1e38, 3e38, 1e-45, 1e30):
            yield f"all {value}", np.full_like(values, value)
            yield f"one {value}", one(place, value)
        yield "half", values / 2
        yield "double", values * 2
    else:
        info = np.iinfo(values.dtype)
        extremes = {0, info.max, info.min, dimension, dimension - 1, dimension + 1, info.max // 2}
        for value in sorted(extreme for extreme in extremes if extreme <= info.max):
            yield f"all {value}", np.full_like(values, value)
            yield f"one {value}", one(place, value)
            yield f"last {value}", one(len(values) - 1, value)
        yield "one more", one(place, np.int64(values[place]) + 1)
        yield "one less", one(place, np.int64(values[place]) - 1)
        yield "all more", values + values.dtype.type(1)
        yield "negated", ~values
        yield "bits rotated", values << 1 | values >> (8 * values.itemsize - 1)
    yield "random", np.frombuffer(rng.bytes(values.nbytes), values.dtype)
    yield "reversed", values[::-1]
    yield "rotated", np.roll(values, 1)
    yield "sorted", np.sort(values)
    yield "shuffled", rng.permutation(values)
    yield "swapped", np.concatenate([values[:place], values[place : place + 2][::-1], values[place + 2 :]])
    yield "repeated", np.concatenate([values[:1], values[:-1]])


def write(generation: Path, target: Target, values: npt.NDArray[Any]) -> None:
    """Write values in place of a column's, and hashes that match."""
    path = generation / target.name
    content = bytearray(path.read_bytes())
    content[target.first : target.first + values.nbytes] = np.ascontiguousarray(values).tobytes()
    path.unlink()
    path.write_bytes(content)
    manifest = read_manifest(generation)
    old = manifest.files[target.name]
    sections = [
        section._replace(xxh3_64=xxhash.xxh3_64_hexdigest(content[first : first + section.bytes]))
        for first, section in placed(old.sections)
    ]
    entry = FileEntry(bytes=old.bytes, rows=old.rows, xxh3_128=hash_file(path), sections=sections)
    folder, _, name = target.name.rpartition("/")
    shards = [
        shard.model_copy(update={"files": {**shard.files, name: entry}}) if shard.folder == folder else shard
        for shard in manifest.shards
    ]
    update = {"shards": shards} if folder else {"vocabulary": entry}
    manifest.model_copy(update=update).write(generation)


# ---- running -----------------------------------------------------------------------------------------------------


class Verb(NamedTuple):
    """Something done with a collection: its name, what it is compared with, and whether it writes."""

    name: str
    run: Callable[[Path], None]
    writes: bool


VERIFY = "verify"
VERBS = (
    *(Verb(name, run, False) for name, run in sorted(READING.items(), key=lambda item: item[0] != VERIFY)),
    *(Verb(name, run, True) for name, run in WRITING.items()),
)
"""Each verb once, `verify` first."""


def outcomes(collection: Path) -> dict[str, str]:
    """Run every verb and say how it ended: `sound`, `refused`, or something worse.

    They run one after another in a process of their own; where it is killed, another goes on with the next verb.
    """
    ended: dict[str, str] = {}
    while len(ended) < len(VERBS):
        said, status = _in_a_child(VERBS[len(ended) :], collection)
        ended.update(said)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            hung = number in (signal.SIGXCPU, signal.SIGKILL)
            ended[VERBS[len(ended)].name] = "hung" if hung else f"killed by {signal.Signals(number).name}"
    return ended


def _in_a_child(verbs: Sequence[Verb], collection: Path) -> tuple[dict[str, str], int]:
    """Return how each verb ended until the process ended, and its status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for verb in verbs:
            used = int(sum(os.times()[:2]))
            resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, resource.RLIM_INFINITY))
            os.write(writing, (json.dumps([verb.name, _run(verb, collection)[:1000]]) + "\n").encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = dict(json.loads(line) for line in pipe)
    return said, os.waitpid(child, 0)[1]


def _run(verb: Verb, collection: Path) -> str:
    """Run a verb, on a copy if it writes."""
    if not verb.writes:
        return _ending(verb.run, collection)
    copies = collection.parent / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    copy = shutil.copytree(collection, copies / "c")
    ended = _ending(verb.run, copy)
    shutil.rmtree(copies)
    return ended


def _ending(verb: Callable[[Path], None], collection: Path) -> str:
    try:
        verb(collection)
    except SeismicError as error:
        return f"refused: {error}"
    except AssertionError as error:
        return f"wrong: {str(error)[:300]!r}"
    except BaseException as error:
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        return f"raw {type(error).__name__} at {where}: {str(error)[:200]}"
    return "sound"


def run_case(collection: Path, place: str, counts: Counter[str]) -> None:
    """Run every verb on a collection and count how they ended."""
    counts["cases"] += 1
    ended = outcomes(collection)
    verified = ended[VERIFY]
    counts["sound" if verified == "sound" else "found by verify"] += 1
    for name, how in ended.items():
        kind = how.partition(":")[0].partition(" ")[0]
        counts["verbs"] += 1
        counts[kind] += 1
        but_sound = verified == "sound" and kind != "sound"
        counts[f"{kind} but sound"] += but_sound
        if kind in ("killed", "hung", "raw") or but_sound:
            print(f"{place}: {name}: {how} (verify: {verified[:100]})", flush=True)


def attack(folder: Path, shape: str, sample: int | None = None, seed: int = 1) -> Counter[str]:
    """Write every adversarial value, or a random sample, into an index of a shape, and run every verb on each."""
    counts: Counter[str] = Counter(sample=sample or 0)
    intact = folder / shape / "intact"
    generation = make(intact, SHAPES[shape])
    for verb in VERBS:  # loads kernels, which the processes inherit
        ended = _run(verb, intact)
        assert ended == "sound", (verb.name, ended)
    cases = list(changed_manifests(generation) if shape == MANIFEST else changed_columns(generation, SHAPES[shape]))
    for name, change in random.Random(seed).sample(cases, sample) if sample else cases:
        collection = folder / shape / "c"
        shutil.copytree(intact, collection)
        change(collection / "generations" / generation.name)
        run_case(collection, f"{shape}, {name}", counts)
        shutil.rmtree(collection)
    return counts


def changed_columns(generation: Path, shape: Shape) -> Iterator[Case]:
    """Yield every adversarial value for every column of every file."""
    local = 60 if shape.length < 60 else shape.dimension
    for target in targets(generation):
        case = framings(target.values) if target.section == FRAMING else adversarial(target.values, local)
        for name, values in case:
            if values.tobytes() != target.values.tobytes():
                yield f"{target.name}, {target.section}, {name}", partial(write, target=target, values=values)


def changed_manifests(generation: Path) -> Iterator[Case]:
    """Yield every adversarial value for every field of the manifest."""
    for name, content in manifests(read_content(generation)):
        yield name, partial(write_content, content=content)


def main(folder: Path, shapes: list[str], sample: int | None, seed: int) -> None:
    total: Counter[str] = Counter()
    for shape in shapes or SHAPES:
        counts = attack(folder, shape, sample, seed)
        print(shape, json.dumps(counts), flush=True)
        total += counts
    print(json.dumps(total))


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("shapes", nargs="*", choices=[*SHAPES, []])
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    main(given.folder, given.shapes, given.sample, given.seed)
