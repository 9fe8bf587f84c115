import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import seismic
from seismic import CorruptIndexError, FormatError, Profile, SearchParams, StorageError
from seismic.store.profiles import _hash, profiles_file, read_profiles, write_profiles
from tests import samples

PROFILE = Profile(
    k=10,
    target=0.9,
    params=SearchParams(plan="exact", heap_factor=1.1),
    recall=0.92,
    lower=0.91,
    upper=0.93,
    microseconds=70.0,
    exact_microseconds=100.0,
    queries=1000,
)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    with samples.opened(tmp_path, [{0: 1.0}, {1: 1.0}]) as index:
        assert index.profiles == ()
    return tmp_path / "index"


@pytest.fixture
def file(collection: Path) -> Path:
    path = write_profiles(collection, "000001", [PROFILE])
    assert path == profiles_file(collection, "000001")
    return path


def rewrite(file: Path, **changes: Any) -> None:
    """Change the file and update its hash."""
    content = json.loads(file.read_bytes()) | changes
    del content["hash"]
    file.write_text(json.dumps({**content, "hash": _hash(content)}))


def test_an_index_opens_with_its_profiles(collection: Path, file: Path) -> None:
    assert read_profiles(collection, "000001") == (PROFILE,)
    with seismic.open(collection) as index:
        assert index.profiles == (PROFILE,)
        assert index.answer({"indices": [0], "values": [1.0]}, recall=0.9).profile == PROFILE


def test_writing_replaces_and_leaves_nothing_else(collection: Path, file: Path) -> None:
    write_profiles(collection, "000001", [])
    assert read_profiles(collection, "000001") == ()
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_profiles(
    collection: Path, file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match=r"cannot write .*000001\.json: No space left on device"):
        write_profiles(collection, "000001", [])
    assert read_profiles(collection, "000001") == (PROFILE,)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", "\0\1\2"])
def test_damage_is_named_and_searches_are_exact(collection: Path, file: Path, content: str) -> None:
    with seismic.open(collection) as before:
        file.write_text(content)
        message = r"000001\.json is damaged: .*; delete it .* run `seismic tune` again"
        with pytest.warns(RuntimeWarning, match=message):
            opened = seismic.open(collection)
        with opened as index:
            query = samples.as_query({0: 1.0})
            answer = index.answer(query, 5, recall=0.5)
            assert (index.profiles, answer.profile, answer.plan) == ((), None, "exact")
            assert answer.hits == index.search(query, 5)
        with pytest.warns(RuntimeWarning, match=message):
            assert before.refresh()
        assert before.profiles == ()
    (damage,) = seismic.verify(collection).damages
    assert damage.file == "profiles/000001.json"
    assert seismic.rollback(collection, "1") == "000001"


def test_every_changed_byte_is_noticed(collection: Path, file: Path) -> None:
    whole = file.read_bytes()
    for at in range(0, len(whole), 5):
        if not whole[at : at + 1].isspace():
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises((CorruptIndexError, FormatError), match=r"000001\.json"):
                read_profiles(collection, "000001")


@pytest.mark.parametrize(
    "profiles", [None, 7, [7], [{}], [{"k": 10}], [{**PROFILE.model_dump(), "recall": 2.0}], {"a": 1}]
)
def test_content_that_makes_no_profiles(collection: Path, file: Path, profiles: Any) -> None:
    rewrite(file, profiles=profiles)
    with pytest.raises(CorruptIndexError, match="does not hold profiles"):
        read_profiles(collection, "000001")


def test_another_major_format_is_refused_and_a_minor_read(collection: Path, file: Path) -> None:
    rewrite(file, format="1.7", profiles=[{**PROFILE.model_dump(), "joules": 3}], mood="good")
    assert read_profiles(collection, "000001") == (PROFILE,)
    rewrite(file, format="2.0")
    with pytest.raises(FormatError, match=r"found format 2\.0, this release reads 1\.x; run `seismic tune` again"):
        read_profiles(collection, "000001")


def test_profiles_of_other_bytes_are_not_ours(collection: Path, file: Path, tmp_path: Path) -> None:
    seismic.build(samples.random_vectors(9), collection, replace=True)
    with seismic.open(collection) as index:
        assert (index.generation, index.profiles) == ("000002", ())
    shutil.copy(file, profiles_file(collection, "000002"))
    with seismic.open(collection) as index:
        assert index.profiles == ()
    assert read_profiles(collection, "000001") == (PROFILE,)
