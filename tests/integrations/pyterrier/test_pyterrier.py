"""PyTerrier: its own tests of transformers, SciFact by `pt.Experiment`, and artifacts."""

import json
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ir_measures
import pandas as pd
import pyterrier as pt
import pytest
from lz4.frame import LZ4FrameFile
from pyterrier import testing

import seismic
from seismic.integrations.pyterrier import SeismicIndex, SeismicIndexer
from tests.integrations.hits import assert_same_top
from tests.integrations.pages import follow_section
from tests.integrations.serving import SCIFACT, Query, scifact_documents
from tests.integrations.serving import seismic as seismic_command

MEASURES = [ir_measures.nDCG @ 10, ir_measures.RR @ 10, ir_measures.R @ 100, ir_measures.R @ 1000]
TEXTS = [
    {"docno": "mars", "text": "Mars is a cold, red planet.", "year": 1},
    {"docno": "venus", "text": "Venus is the hottest planet.", "year": 2},
    {"docno": "bread", "text": "Bread is made of flour.", "year": 3},
]


@pytest.fixture(scope="module")
def scifact(tmp_path_factory: pytest.TempPathFactory) -> SeismicIndex:
    """SciFact, built by the indexer of documents with `toks`."""
    indexer = SeismicIndex(tmp_path_factory.mktemp("scifact") / "index").indexer(columns=["title"])
    documents = ({"docno": one["id"], "toks": one["tokens"], "title": one["title"]} for one in scifact_documents())
    return indexer.index(documents)


@pytest.fixture(scope="module")
def planets(tmp_path_factory: pytest.TempPathFactory) -> SeismicIndex:
    return SeismicIndexer(tmp_path_factory.mktemp("planets") / "index", encoder="splade-tiny").index(TEXTS)


@pytest.fixture(scope="module")
def topics(queries: list[Query]) -> pd.DataFrame:
    return pd.DataFrame([{"qid": one.id, "query": one.text, "query_toks": one.tokens} for one in queries])


class TestTransformer(testing.TransformerTestCase):
    """PyTerrier's own test case."""

    @classmethod
    def setUpClass(cls) -> None:
        index = SeismicIndex(Path(cls.enterClassContext(TemporaryDirectory()), "planets"))
        retriever = index.indexer(encoder="splade-tiny").index(TEXTS).retriever(10)
        cls.get_transformer = staticmethod(lambda: retriever)
        super().setUpClass()


def test_the_engines_own_top_10(scifact: SeismicIndex, topics: pd.DataFrame, queries: list[Query]) -> None:
    cut = (scifact.retriever(columns=["title"], threads=2) % 10).compile()
    assert cut.num_results == 10
    found = cut(topics).set_index("qid")
    for query in queries:
        hits = found.loc[[query.id]]
        assert list(hits["rank"]) == list(range(len(hits)))
        assert_same_top([*zip(hits["docno"], hits["score"], strict=True)], query)
    assert found["title"].notna().all()


def test_an_experiment_measures_what_evaluate_does(scifact: SeismicIndex, topics: pd.DataFrame, tmp_path: Path) -> None:
    qrels = pt.io.read_qrels(str(SCIFACT / "qrels.tsv"))
    retriever = scifact.retriever(1000)
    [row] = pt.Experiment([retriever], topics, qrels, MEASURES, filter_by_qrels=True).to_dict("records")
    evaluated = evaluate(scifact, topics, tmp_path)
    for measure in MEASURES:
        assert row[str(measure)] == pytest.approx(evaluated[str(measure)], abs=1e-4)


def evaluate(scifact: SeismicIndex, topics: pd.DataFrame, folder: Path) -> dict[str, float]:
    """Return what `seismic evaluate` reports of the same collection, queries and judgements."""
    asked = topics.rename(columns={"qid": "id", "query_toks": "tokens"})[["id", "tokens"]]
    asked.to_json(folder / "queries.jsonl", orient="records", lines=True)
    options = (
        "--qrels",
        SCIFACT / "qrels.tsv",
        "-k",
        "10",
        "-k",
        "1000",
        "--threads",
        "1",
        "--output",
        folder / "report",
    )
    seismic_command("evaluate", scifact.path, "--queries", folder / "queries.jsonl", *options)
    [setting] = json.loads((folder / "report" / "report.json").read_text())["settings"]
    return dict(setting["effectiveness"])


def test_texts_by_an_encoder(planets: SeismicIndex, tmp_path: Path) -> None:
    bm25 = SeismicIndexer(tmp_path / "bm25", encoder="bm25").index(TEXTS)
    for index in (planets, bm25):
        retriever = index.retriever(2, columns=["text", "year"])
        found = retriever.search("hottest planet")
        assert list(found["docno"]) == ["venus", "mars"]
        assert list(found["year"]) == [2, 1]
        assert retriever(pd.DataFrame(columns=["qid", "query"])).empty
        assert set(index.retriever(filter={"year": 1}).search("planet")["docno"]) == {"mars"}


def test_an_artifact_is_packaged_with_its_changes_and_loaded(planets: SeismicIndex, tmp_path: Path) -> None:
    package = planets.build_package(str(tmp_path / "planets.tar.lz4"), verbose=False)
    with LZ4FrameFile(package) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    loaded = pt.Artifact.load(str(tmp_path / "unpacked"))
    assert isinstance(loaded, SeismicIndex)
    described = json.loads((Path(loaded.path) / "pt_meta.json").read_text())
    assert described == {
        "type": "sparse_index",
        "format": "seismic_search",
        "package_hint": "seismic-search[pyterrier]",
    }
    assert seismic.verify(loaded.path).damages == []
    assert list(loaded.retriever(1).search("hot planet")["docno"]) == ["venus"]
    assert isinstance(pt.Artifact.load(str(planets.path)), SeismicIndex)  # any collection, without pt_meta.json
    seismic.drop(loaded.path)


def test_what_is_wrong_is_said(planets: SeismicIndex, tmp_path: Path) -> None:
    with pytest.raises(seismic.OutputExistsError):
        SeismicIndexer(planets.path).index([{"docno": "a", "toks": {"x": 1.0}}])
    with pytest.raises(seismic.InputError, match="document 1: found no toks, expected docno and toks"):
        SeismicIndexer(tmp_path / "new").index([{"docno": "a", "toks": {"x": 1.0}}, {"docno": "b"}])
    with pytest.raises(KeyError, match="query"):
        planets.retriever()(pd.DataFrame([{"qid": "1"}]))
    documents: list[dict[str, Any]] = [{"docno": "a", "toks": {"x": 1.0}}, {"docno": "a", "toks": {"y": 1.0}}]
    with pytest.raises(seismic.InputError, match="'a'"):
        SeismicIndexer(tmp_path / "new").index(documents)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow_section("integrations.md", "PyTerrier")
