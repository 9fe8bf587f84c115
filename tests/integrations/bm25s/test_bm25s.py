"""The encoder `bm25` beside the library bm25s: the same scores for all test queries of SciFact."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

import bm25s
import pytest
import Stemmer

from tests.integrations.serving import SCIFACT, Query, request, scifact_documents, seismic, serve

LUCENE = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
STOP_WORDS = LUCENE.split()


class Rules(NamedTuple):
    """How texts become terms, for both."""

    options: list[str]
    stop_words: list[str]
    stem: bool
    k1: float
    b: float


@pytest.fixture(
    params=[
        Rules([], [], False, 1.2, 0.75),
        Rules(
            ["--stemmer", "english", "--stop-words", "english", "--k1", "0.9", "--b", "0.4"], STOP_WORDS, True, 0.9, 0.4
        ),
    ],
    ids=["plain", "stemmed"],
)
def rules(request: pytest.FixtureRequest) -> Rules:
    return request.param


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def theirs(queries: list[Query], rules: Rules) -> list[dict[str, float]]:
    """The scores of all documents of each query, by bm25s in float64."""
    documents = scifact_documents()
    tokenizer = bm25s.tokenization.Tokenizer(
        stemmer=Stemmer.Stemmer("english") if rules.stem else None, stopwords=rules.stop_words, splitter=r"\w+"
    )
    corpus = tokenizer.tokenize([folded(one["text"]) for one in documents], show_progress=False)
    index = bm25s.BM25(k1=rules.k1, b=rules.b, method="lucene", dtype="float64")
    index.index((corpus, tokenizer.get_vocab_dict()), show_progress=False)
    terms = tokenizer.tokenize([folded(one.text) for one in queries], update_vocab=False, show_progress=False)
    ids = [one["id"] for one in documents]
    return [dict(zip(ids, index.get_scores(one).tolist(), strict=True)) for one in terms]


def test_scores_are_those_of_bm25s(queries: list[Query], rules: Rules, tmp_path: Path) -> None:
    source = "build", SCIFACT / "documents.parquet", tmp_path / "scifact"
    seismic(*source, "--encoder", "bm25", "--text-fields", "text", *rules.options)
    with serve(tmp_path) as service:
        address = f"{service.url}/v1/collections/scifact/search"
        ours = [
            request(address, {"query": {"text": one.text}, "limit": 100, "with_payload": False})["hits"]
            for one in queries
        ]
    for hits, scores in zip(ours, theirs(queries, rules), strict=True):
        best = sorted(scores.values(), reverse=True)[: len(hits)]
        assert [hit["score"] for hit in hits] == pytest.approx(best, abs=1e-3)
        assert [hit["score"] for hit in hits] == pytest.approx([scores[hit["id"]] for hit in hits], abs=1e-3)
