import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seismic
from seismic import BuildParams, CorruptIndexError, FormatError, StorageError
from seismic.store import manifest
from seismic.store.manifest import FILE_NAME, FORMAT_MAJOR, FORMAT_MINOR, Manifest, read_manifest
from tests import samples


@pytest.fixture
def edit(generation: Path) -> Callable[..., None]:
    """Change fields of the manifest and, by default, its hash."""

    def change(*, hashed: bool = True, **fields: Any) -> None:
        path = generation / FILE_NAME
        content = {**json.loads(path.read_text()), **fields}
        if hashed:
            del content["hash"]
            content["hash"] = manifest.manifest_hash(content)
        path.write_text(json.dumps(content))

    return change


def test_says_what_the_generation_holds(generation: Path) -> None:
    found = read_manifest(generation)
    assert (found.generation, found.format, found.reader_features) == ("000001", "1.0", ["no-tops"])
    assert (found.documents, found.dimension, found.layout) == (40, 30, "lists")
    assert [(shard.folder, shard.first_document, shard.documents) for shard in found.shards] == [
        ("shard-00000", 0, 20),
        ("shard-00001", 20, 20),
    ]
    assert found.nnz == sum(shard.nnz for shard in found.shards)
    assert found.build_params == BuildParams(layout="lists")
    assert found.versions["seismic"] == seismic.__version__
    files = [path for path in generation.rglob("*") if path.is_file() and path.name != FILE_NAME]
    assert found.bytes == sum(path.stat().st_size for path in files)
    assert len(files) == 15


def test_survives_writing_and_reading(generation: Path, tmp_path: Path) -> None:
    read_manifest(generation).write(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == (generation / FILE_NAME).read_bytes()
    assert read_manifest(tmp_path) == read_manifest(generation)


def test_any_changed_byte_is_noticed(generation: Path) -> None:
    path = generation / FILE_NAME
    content = path.read_bytes()
    canonical = json.loads(content)
    for at in range(0, len(content), 7):
        changed = bytearray(content)
        changed[at] ^= 1
        try:
            harmless = json.loads(changed) == canonical  # white space
        except ValueError:
            harmless = False
        path.write_bytes(changed)
        if harmless:
            read_manifest(generation)
        else:
            with pytest.raises(StorageError, match=FILE_NAME):
                read_manifest(generation)


@pytest.mark.parametrize("size", [0, 1, 500])
def test_truncated_manifests_are_corrupt(generation: Path, size: int) -> None:
    path = generation / FILE_NAME
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CorruptIndexError, match="is not JSON"):
        read_manifest(generation)


def test_missing_manifests_are_corrupt(generation: Path, collection: Path) -> None:
    (generation / FILE_NAME).unlink()
    with pytest.raises(CorruptIndexError, match=r"manifest\.json cannot be opened: No such file"):
        seismic.open(collection)


@pytest.mark.parametrize("content", ["[]", "3", '"manifest"', "null"])
def test_other_json_is_corrupt(generation: Path, content: str) -> None:
    (generation / FILE_NAME).write_text(content)
    with pytest.raises(CorruptIndexError, match="expected an object"):
        read_manifest(generation)


def test_edits_without_a_new_hash_are_corrupt(generation: Path, edit: Callable[..., None]) -> None:
    edit(hashed=False, documents=41)
    with pytest.raises(CorruptIndexError, match="does not match its own hash"):
        read_manifest(generation)


@pytest.mark.parametrize(
    "changes",
    [
        {"documents": "many"},
        {"documents": "40"},
        {"shards": None},
        {"layout": "heaps"},
        {"vocabulary": []},
        {"dimension": -1},
        {"dimension": (1 << 32) + 1},
        {"generation": "../1"},
    ],
)
def test_fields_of_another_type_are_corrupt(
    generation: Path, edit: Callable[..., None], changes: dict[str, Any]
) -> None:
    edit(**changes)
    with pytest.raises(CorruptIndexError, match=next(iter(changes))):
        read_manifest(generation)


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("found", [f"{FORMAT_MAJOR + 1}.0", f"{FORMAT_MAJOR}0.0", "0.9", "1.01.0", "1", "x", None])
def test_other_majors_are_refused_whatever_their_hash(
    generation: Path, edit: Callable[..., None], found: str | None, hashed: bool
) -> None:
    edit(format=found, versions={"seismic": "9.8.7"}, hashed=hashed)
    with pytest.raises(FormatError, match=rf"found format {found}, .*{seismic.__version__}.* reads 1\.x; .*9\.8\.7"):
        read_manifest(generation)


@pytest.mark.parametrize("versions", [None, [], "1.0"])
def test_other_majors_may_have_other_fields(generation: Path, edit: Callable[..., None], versions: Any) -> None:
    edit(format="2.0", versions=versions, reader_features=7)
    with pytest.raises(FormatError, match=r"found format 2\.0"):
        read_manifest(generation)


@pytest.mark.parametrize("hashed", [True, False])
def test_unknown_reader_features_are_refused(generation: Path, edit: Callable[..., None], hashed: bool) -> None:
    edit(reader_features=["windows", "graph"], versions={"seismic": "9.8.7"}, hashed=hashed)
    message = rf"seismic-search 9\.8\.7 with graph, windows, which readers must know, .*{seismic.__version__}, does not"
    with pytest.raises(FormatError, match=message):
        read_manifest(generation)


def test_unknown_writer_features_are_read_but_not_followed(
    generation: Path, collection: Path, edit: Callable[..., None]
) -> None:
    edit(writer_features=["journal"], versions={"seismic": "9.8.7"})
    assert len(seismic.open(collection)) == 40
    message = rf"small: written by .* 9\.8\.7 with journal, which writers must know, .*{seismic.__version__}, does not"
    with pytest.raises(FormatError, match=message):
        seismic.build(samples.random_vectors(5), collection, replace=True)
    assert [path.name for path in generation.parent.iterdir()] == ["000001"]


@pytest.mark.parametrize("features", [7, None, "graph", {"graph": 1}])
def test_features_of_another_type_are_corrupt(generation: Path, edit: Callable[..., None], features: Any) -> None:
    edit(reader_features=features)
    with pytest.raises(CorruptIndexError, match="reader_features"):
        read_manifest(generation)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("documents",), 41, "the shards' documents do not follow each other up to 41"),
        (("shards", 1, "first_document"), 21, "the shards' documents do not follow"),
        (("shards", 1, "documents"), 21, "the shards' documents do not follow"),
        (("nnz",), 1, "the shards have .* values, not 1"),
        (("shards", 0, "folder"), "../shard-00000", "folder"),
        (("shards", 0, "files", "forward.arrow", "bytes"), 5, "the sections do not add up to 5 bytes"),
        (("shards", 0, "blocks"), -1, "blocks"),
    ],
)
def test_counts_must_agree(generation: Path, edit: Callable[..., None], place: Any, value: Any, message: str) -> None:
    content = json.loads((generation / FILE_NAME).read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    edit(**{name: field for name, field in content.items() if name != "hash"})
    with pytest.raises(CorruptIndexError, match=message):
        read_manifest(generation)


def test_a_manifest_that_cannot_be_read(generation: Path) -> None:
    (generation / FILE_NAME).unlink()
    (generation / FILE_NAME).mkdir()
    with pytest.raises(CorruptIndexError, match="cannot be read"):
        read_manifest(generation)


def test_newer_minors_are_read(generation: Path, collection: Path, edit: Callable[..., None]) -> None:
    before = read_manifest(generation)
    edit(format=f"{FORMAT_MAJOR}.{FORMAT_MINOR + 1}", profiles=[{"name": "fast"}])
    found = read_manifest(generation)
    assert found.format == f"{FORMAT_MAJOR}.{FORMAT_MINOR + 1}"
    assert found.model_copy(update={"format": before.format}) == before
    assert len(seismic.open(collection)) == 40


def test_a_generation_must_be_where_it_says(generation: Path, collection: Path, edit: Callable[..., None]) -> None:
    edit(generation="000002")
    with pytest.raises(CorruptIndexError, match="its manifest says generation 000002"):
        seismic.open(collection)


def test_manifests_cannot_be_changed(generation: Path) -> None:
    found: Manifest = read_manifest(generation)
    with pytest.raises(ValueError, match="frozen"):
        found.documents = 1  # type: ignore[misc]
