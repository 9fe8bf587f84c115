import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import CorruptIndexError, FormatError, IndexNotFoundError, ParameterError
from seismic.store import checksums, verify
from seismic.store.files import map_table, write_batches
from seismic.store.manifest import FileEntry, Manifest, read_manifest
from seismic.store.sections import Section

FILE = "shard-00001/forward.arrow"


def flip(path: Path, name: str, section: str, entry: FileEntry) -> None:
    """Change the last byte of a section."""
    end = 0
    for found in entry.sections:
        end += found.bytes
        if found.name == section:
            break
    content = bytearray(path.read_bytes())
    content[end - 1] ^= 1
    path.write_bytes(content)


def test_a_whole_index(generation: Path, collection: Path) -> None:
    found = seismic.verify(collection)
    assert (found.generation, found.verify, found.files, found.damages) == ("000001", "full", 15, [])
    assert found.bytes == read_manifest(generation).bytes
    for level in ("none", "sample"):
        assert seismic.verify(str(collection), generation="1", verify=level).damages == []


@pytest.mark.parametrize("section", ["framing", "codes.code values", "scale values"])
def test_the_damaged_section_is_named(generation: Path, collection: Path, section: str) -> None:
    flip(generation / FILE, FILE, section, read_manifest(generation).files[FILE])
    [damage] = seismic.verify(collection).damages
    assert (damage.file, damage.section) == (FILE, section)
    assert "do not match their hash" in damage.problem
    with pytest.raises(CorruptIndexError, match=rf"{FILE}, {section}: bytes \d+ to \d+ do not match their hash; `seis"):
        seismic.open(collection, verify="full")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, expected"),
        (lambda path: (path.unlink(), path.mkdir()), "found|cannot be read"),
    ],
)
def test_every_damaged_file_is_named(
    generation: Path, collection: Path, damage: Callable[[Path], None], problem: str
) -> None:
    names = [FILE, "shard-00000/documents.arrow", "vocabulary.arrow"]
    for name in names:
        damage(generation / name)
    found = seismic.verify(collection).damages
    assert {one.file for one in found} >= set(names)
    assert {name for name in read_manifest(generation).files if name in {one.file for one in found}} == set(names)


def test_files_that_do_not_belong_there(generation: Path, collection: Path) -> None:
    (generation / "notes.txt").touch()
    (generation / "shard-00000/more.arrow").touch()
    assert [damage.file for damage in seismic.verify(collection).damages] == ["notes.txt", "shard-00000/more.arrow"]
    assert len(seismic.open(collection, verify="full")) == 40


def test_samples_are_drawn_anew(generation: Path, collection: Path) -> None:
    flip(generation / FILE, FILE, "codes.code values", read_manifest(generation).files[FILE])
    assert any(seismic.verify(collection, verify="sample").damages for _ in range(200))
    assert seismic.verify(collection, verify="none").damages == []


def test_a_hash_that_only_the_whole_file_has(generation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "hash_both", lambda path, sections: ("", []))
    damages = [*checksums.check_files(generation, read_manifest(generation), "full")]
    assert {damage.problem for damage in damages} == {"its hash differs"}


def test_a_hash_that_only_a_section_has(generation: Path, collection: Path) -> None:
    """A sample would find it, so a full verification does, too."""
    found = read_manifest(generation)
    shards = [shard.model_dump(mode="json") for shard in found.shards]
    shards[1]["files"]["forward.arrow"]["sections"][0][2] = "0" * 16
    Manifest.model_validate({**found.model_dump(mode="json"), "shards": shards}).write(generation)
    with pytest.raises(CorruptIndexError, match=rf"{FILE}, framing: bytes 0 to \d+ do not match"):
        seismic.open(collection, verify="full")
    [damage] = seismic.verify(collection).damages
    assert (damage.file, damage.section) == (FILE, "framing")


@pytest.mark.parametrize("build", [{"seed": "x"}, {"unknown": 1}, {"postings_per_list": 1e30}])
def test_parameters_that_no_build_can_have(generation: Path, collection: Path, build: dict[str, Any]) -> None:
    """Compaction needs them."""
    found = read_manifest(generation)
    found.model_copy(update={"build": found.build | build}).write(generation)
    [damage] = seismic.verify(collection).damages
    assert damage.file == "manifest.json"
    assert f"build: parameter '{next(iter(build))}'" in damage.problem or "unknown" in damage.problem
    seismic.delete(collection, ["d1"])
    with pytest.raises(CorruptIndexError, match=r"manifest\.json: build: "):
        seismic.compact(collection)


def test_publishing_compares_the_first_positions(generation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing all took a third of a build's time; `seismic.verify` does."""
    counts: list[int | None] = []
    monkeypatch.setattr(verify, "check_copies", lambda *arguments: counts.append(arguments[3]))
    collection = generation.parent.parent
    seismic.delete(collection, ["d1"])
    seismic.compact(collection)
    assert counts == [1 << 14]
    seismic.verify(collection)
    assert counts == [1 << 14, None]


def test_a_file_that_cannot_be_read(generation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, sections: list[Section]) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(checksums, "hash_both", fail)
    damages = [*checksums.check_files(generation, read_manifest(generation), "full")]
    assert {damage.problem for damage in damages} == {"cannot be read: Input/output error"}


def test_damaged_manifests(generation: Path, collection: Path) -> None:
    shutil.copytree(generation, generation.with_name("000002"))
    assert [str(damage) for damage in seismic.verify(collection, generation="2").damages] == [
        "manifest.json: says generation 000001"
    ]
    (generation / "manifest.json").write_text("{}")
    with pytest.raises(FormatError):
        seismic.verify(collection)
    (generation / "manifest.json").write_text("{")
    assert [damage.file for damage in seismic.verify(collection).damages] == ["manifest.json"]


def test_any_dimension_in_a_manifest(generation: Path, collection: Path) -> None:
    """The manifest's hash matches, and an array of the dimension would take 32 GB."""
    read_manifest(generation).model_copy(update={"dimension": 2**32}).write(generation)
    damages = map(str, seismic.verify(collection).damages)
    assert any(damage.startswith("vocabulary.arrow: ") and "rows, expected 4294967296" in damage for damage in damages)


def test_what_there_is_to_verify(collection: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError, match="found no generation '7'; there are 000001"):
        seismic.verify(collection, generation="7")
    with pytest.raises(IndexNotFoundError, match="no index there"):
        seismic.verify(tmp_path / "missing")


@pytest.mark.parametrize("call", [seismic.open, seismic.verify])
def test_levels_have_names(collection: Path, call: Callable[..., object]) -> None:
    with pytest.raises(ParameterError, match="verify is 'most', expected one of none, sample, full"):
        call(collection, verify="most")


def rewritten(
    generation: Path, manifest: Manifest, name: str, column: str, change: Callable[[pa.Array], pa.Array]
) -> Manifest:
    """Change one column of a generation and update all hashes."""

    shard = manifest.shards[0]
    path = generation / shard.folder / name
    table = map_table(path, shard.files[name]).combine_chunks()
    table = table.set_column(
        table.column_names.index(column), table.schema.field(column), change(table[column].chunk(0))
    )
    path.unlink()
    entry = write_batches(path, table.schema, table.to_batches())
    shards = [shard.model_copy(update={"files": {**shard.files, name: entry}}), *manifest.shards[1:]]
    return manifest.model_copy(update={"shards": shards})


def with_values(column: pa.ListArray, change: Callable[[np.ndarray], np.ndarray]) -> pa.ListArray:
    """Return a list column with other values."""
    values = change(column.values.to_numpy()).astype(column.values.to_numpy().dtype)
    return pa.ListArray.from_arrays(column.offsets, pa.array(values), type=column.type)


@pytest.mark.parametrize(
    ("name", "column", "change", "problem"),
    [
        ("shared.arrow", "numbers", lambda c: with_values(c, lambda v: v * 0), "document numbers repeat"),
        ("shared.arrow", "numbers", lambda c: with_values(c, lambda v: v + 1), "found 20, expected less than 20"),
        ("shared.arrow", "scales", lambda c: with_values(c, lambda v: -v), "expected 0 to"),
        ("shared.arrow", "documents", lambda c: with_values(c, lambda v: v ^ 255), "bits that do not match"),
        ("shared.arrow", "components", lambda c: with_values(c, lambda v: v * 0), "components: entry 1 is not"),
        ("shared.arrow", "own_components", lambda c: with_values(c, lambda v: v * 0), "own_components: entry "),
        ("forward.arrow", "components", lambda c: with_values(c, lambda v: v * 0), "forward.arrow: components: entry"),
        ("shared.arrow", "components", lambda c: with_values(c, lambda v: v + 30), "that rise to below 30"),
        ("shared.arrow", "own_codes", lambda c: with_values(c, lambda v: v // 2), "would change if they were"),
        ("shared.arrow", "residuals", lambda c: with_values(c, lambda v: ~v), "would change if they were"),
        ("maxima.arrow", "codes", lambda c: with_values(c, lambda v: v // 2), "maxima.arrow: codes: found other"),
        ("maxima.arrow", "scale", lambda c: pa.array(c.to_numpy() / 2), "maxima.arrow: codes: found other"),
        ("impacts.arrow", "positions", lambda c: with_values(c, lambda v: v ^ 1), "impacts.arrow: positions"),
        ("impacts.arrow", "values", lambda c: with_values(c, lambda v: v + 1), "impacts.arrow: positions, values"),
        ("forward.arrow", "codes", lambda c: with_values(c, lambda v: v // 2), "forward.arrow: components, codes"),
        ("forward.arrow", "number", lambda c: pa.array(c.to_numpy()[::-1]), "forward.arrow: components, codes"),
        ("documents.arrow", "id", lambda c: pa.array([None, *map(str, range(19))]), "id: found a null"),
        (
            "documents.arrow",
            "title",
            lambda c: pa.Array.from_buffers(pa.string(), 20, [None, c.buffers()[1], pa.py_buffer(b"\xff" * 190)]),
            "documents.arrow: .*UTF",
        ),
    ],
)
def test_what_hashes_do_not_see(
    generation: Path, name: str, column: str, change: Callable[[pa.Array], pa.Array], problem: str
) -> None:
    manifest = rewritten(generation, read_manifest(generation), name, column, change)
    [damage] = verify.find_damage(generation, manifest, "full")
    assert damage.file == "shard-00000"
    assert re.search(problem, damage.problem)


@pytest.mark.parametrize("row", [1, 39])
def test_ids_that_repeat_within_and_across_shards(generation: Path, row: int) -> None:
    def repeat(ids: pa.Array) -> pa.Array:
        return pa.array([f"d{row}", *ids.to_pylist()[1:]])

    manifest = rewritten(generation, read_manifest(generation), "documents.arrow", "id", repeat)
    [damage] = verify.find_damage(generation, manifest, "full")
    assert str(damage) == f"documents.arrow: id: found the same in rows 0 and {row} of the undamaged shards"


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("token", ["t0"] * 30, "token: .* 't0' of component 1 is a duplicate"),
        ("document_frequency", [1] * 30, "idf: found other values than those of document_frequency"),
        ("idf", [1.0] * 30, "idf: found other values than those of document_frequency"),
    ],
)
def test_vocabularies_that_hashes_do_not_see(generation: Path, column: str, values: list[Any], problem: str) -> None:
    manifest, path = read_manifest(generation), generation / "vocabulary.arrow"
    assert manifest.vocabulary is not None
    table = map_table(path, manifest.vocabulary)
    place = table.column_names.index(column)
    table = table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))
    path.unlink()
    manifest = manifest.model_copy(update={"vocabulary": write_batches(path, table.schema, table.to_batches())})
    [damage] = verify.find_damage(generation, manifest, "full")
    assert damage.file == "vocabulary.arrow"
    assert re.search(problem, damage.problem)
