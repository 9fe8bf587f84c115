"""Indexes of all formats released so far open, verify, answer as they did, and take changes."""

import json
import shutil
from pathlib import Path

import pytest

import seismic
from seismic.maintenance.migrate import FORMAT
from tests.compat.freeze import DOCUMENTS, FROZEN, answers, vectors

COLLECTIONS = sorted(path.parent for path in FROZEN.glob("*/*/CURRENT"))


@pytest.fixture(params=COLLECTIONS, ids=lambda path: f"{path.parent.name}-{path.name}")
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "frozen"))


def test_this_format_is_frozen() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in COLLECTIONS}
    assert {f"{FORMAT}/shared", f"{FORMAT}/lists"} <= found, "run `python -m tests.compat.freeze`"


def test_frozen_indexes_are_whole(frozen: Path) -> None:
    assert seismic.verify(frozen).damages == []
    with seismic.open(frozen, verify="full") as index:
        assert len(index) == DOCUMENTS - 1
        assert index.payloads([7]) == [{"title": "title 7", "year": 7, "tags": ["a"]}]
        assert index.vocabulary is not None
        assert index.vocabulary.component("token 9") == 9


def test_frozen_indexes_answer_as_they_did(frozen: Path) -> None:
    expected = json.loads((frozen / "answers.json").read_text())
    with seismic.open(frozen) as index:
        found = answers(frozen, index.manifest.layout)
    assert found.keys() == expected.keys()
    for plan, hits in expected.items():
        assert [[id for id, _ in row] for row in found[plan]] == [[id for id, _ in row] for row in hits]
        for row, others in zip(found[plan], hits, strict=True):
            assert [score for _, score in row] == pytest.approx([score for _, score in others], rel=1e-3)


def test_frozen_indexes_take_changes(frozen: Path) -> None:
    seismic.delete(frozen, ["d7"])
    seismic.compact(frozen)
    with seismic.open(frozen, verify="full") as index:
        assert len(index) == DOCUMENTS - 2
        assert index.search(vectors(1, 5))
    assert seismic.migrate(frozen) is None
