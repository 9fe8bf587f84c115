"""Components mean what they meant when a change was made: by vocabulary, and by encoder."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import CorruptIndexError, EncoderEntry, InputError, SparseVectors, StorageError, Vocabulary
from seismic.changes.records import Change, Rules, check_upsert
from seismic.changes.updates import Writer
from seismic.store.manifest import read_manifest

RED, BLUE = Vocabulary(["red", "blue"]), Vocabulary(["blue", "red"])


def publish(path: Path, vocabulary: Vocabulary | None, ids: Sequence[str] = ("seed",)) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}] * len(ids), 2)
    seismic.build(vectors, path, documents=pa.table({"id": ids}), vocabulary=vocabulary, replace=True, keep=9)


def put_red(writer: Writer, id: str) -> None:
    """Upsert a document of the token `red`, mapped by the vocabulary of the generation written to."""

    def check(rules: Rules) -> list[Change]:
        assert rules.vocabulary is not None
        component = rules.vocabulary.component("red")
        assert component is not None
        return [check_upsert(SparseVectors.from_dicts([{component: 1.0}], 2), pa.table({"id": [id]}), rules)]

    writer.append(check)


def wrong_documents(path: Path) -> list[str]:
    """Return the documents that were put as `red` and do not have that token."""
    with seismic.open(path) as index:
        assert index.vocabulary is not None
        names = [id for id in index.document_ids(range(len(index))) if id != "seed"]
        vectors = index.vectors(index.find(names)) if names else SparseVectors.from_dicts([])
        tokens = [index.vocabulary.token(int(component)) for component in vectors.components]
    return [name for name, token in zip(names, tokens, strict=True) if token != "red"]


def test_rebuilds_with_other_vocabularies_under_a_writer(tmp_path: Path) -> None:
    path, stop, written = tmp_path / "c", threading.Event(), threading.Semaphore(0)
    publish(path, RED)
    writer = Writer(path)
    errors: list[BaseException] = []

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                put_red(writer, f"d{number}")
                number += 1
                written.release()
        except BaseException as error:
            errors.append(error)
            written.release()

    thread = threading.Thread(target=write)
    thread.start()
    for vocabulary in (BLUE, RED, BLUE):
        for _ in range(5):
            written.acquire()
        publish(path, vocabulary)
        for _ in range(5):
            written.acquire()
        assert wrong_documents(path) == []
    stop.set()
    thread.join()
    assert errors == []
    assert wrong_documents(path) == []
    with seismic.open(path) as index:
        assert len(index) > 1


def test_no_rollback_across_vocabularies(tmp_path: Path) -> None:
    publish(tmp_path, RED)
    publish(tmp_path, BLUE)
    put_red(Writer(tmp_path), "d")
    message = (
        rf"change 1 does not fit generation 000001, .*: found vocabulary {BLUE.hash[:12]}, expected {RED.hash[:12]}, "
        "the collection's: component 1 is 'red' there and 'blue' here"
    )
    with pytest.raises(StorageError, match=message):
        seismic.rollback(tmp_path)
    assert wrong_documents(tmp_path) == []


def test_rollback_without_changes_crosses_vocabularies(tmp_path: Path) -> None:
    publish(tmp_path, RED)
    publish(tmp_path, BLUE)
    assert seismic.rollback(tmp_path) == "000001"
    put_red(Writer(tmp_path), "d")
    assert wrong_documents(tmp_path) == []


@pytest.mark.parametrize("vocabulary", [BLUE, None])
def test_a_log_of_another_vocabulary_is_not_replayed(tmp_path: Path, vocabulary: Vocabulary | None) -> None:
    publish(tmp_path, RED)
    publish(tmp_path, vocabulary)
    seismic.upsert(tmp_path, SparseVectors.from_dicts([{1: 1.0}], 2), pa.table({"id": ["d"]}))
    (tmp_path / "CURRENT").write_text("000001\n")
    found = vocabulary.hash[:12] if vocabulary else "none"
    with pytest.raises(CorruptIndexError, match=f"change 1 does not fit generation 000001: found vocabulary {found}"):
        seismic.open(tmp_path)


def test_vectors_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    publish(tmp_path, BLUE)
    vectors, documents = SparseVectors.from_dicts([{0: 1.0}], 2), pa.table({"id": ["d"]})
    with pytest.raises(
        InputError, match=r"found vocabulary .*: component 0 is 'red' there and 'blue' here; map the tok"
    ):
        seismic.upsert(tmp_path, vectors, documents, vocabulary=RED)
    assert seismic.upsert(tmp_path, vectors, documents, vocabulary=Vocabulary(["blue", "red"])) == 1


def test_the_hash_is_of_the_tokens() -> None:
    tokens = pa.array(["x", "blue", "red"])
    assert (
        Vocabulary(tokens.slice(1)).hash == BLUE.hash == Vocabulary(pa.array(["blue", "red"], pa.large_string())).hash
    )
    hashes = {Vocabulary(words).hash for words in (["ab", "c"], ["a", "bc"], ["abc"], [], [""], ["c", "ab"])}
    assert len(hashes) == 6


@pytest.mark.parametrize("replaced", ["vocabulary", "encoder"])
def test_verify_names_changes_that_do_not_fit(tmp_path: Path, replaced: str) -> None:
    """Opening refuses them, so they are damage, although every hash is right."""
    path = tmp_path / "c"
    publish(path, RED)
    with seismic.open(path) as index:
        vectors = SparseVectors.from_dicts([{0: 1.0}], 2)
        seismic.upsert(path, vectors, pa.table({"id": ["x"]}), vocabulary=index.vocabulary)
    publish(tmp_path / "other", BLUE if replaced == "vocabulary" else RED)
    if replaced == "encoder":
        folder = tmp_path / "other/generations/000001"
        entry = EncoderEntry(name="x", hash="1" * 32)
        read_manifest(folder).model_copy(update={"encoder": entry}).write(folder)
    shutil.copytree(path / "log", tmp_path / "other/log")
    with pytest.raises(CorruptIndexError, match=f"found {replaced}"):
        seismic.open(tmp_path / "other")
    for level in ("none", "sample", "full"):
        [damage] = seismic.verify(tmp_path / "other", verify=level).damages
        assert damage.file == "log"
        assert f"change 1 does not fit generation 000001: found {replaced}" in damage.problem
