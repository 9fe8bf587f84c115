"""Texts over REST: queries and documents."""

import shutil
from pathlib import Path

import httpx2
import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import Encoder, SearchRequest, fit_bm25, load_encoder
from tests.encoders.small import TOKENS, table_model, write_encoder

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/words"
TEXTS = ["word1 word2", "word2 word3", "word4 word5 word6"]


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    weights = np.eye(len(TOKENS), dtype=np.float32) * np.linspace(1, 2, len(TOKENS), dtype=np.float32)
    return load_encoder(str(write_encoder(tmp_path / "encoder", max_length=5, model=table_model(weights))))


@pytest.fixture
def words(tmp_path: Path, encoder: Encoder) -> Path:
    """A folder with one collection, `words`, whose titles and texts are encoded."""
    folder = tmp_path / "collections"
    documents = pa.table({"id": ["a", "b", "c"], "title": ["A", None, "C"], "text": TEXTS, "year": [1, 2, 3]})
    vectors = encoder.encode_documents(TEXTS).vectors
    recorded = encoder.recorded(fields=["title", "text"])
    seismic.build(vectors, folder / "words", documents=documents, encoder=recorded)
    return folder


async def search(client: httpx2.AsyncClient, text: str) -> httpx2.Response:
    return await client.post(f"{URL}/search", json={"query": {"text": text}})


async def put(client: httpx2.AsyncClient, *documents: dict[str, object], url: str = URL) -> httpx2.Response:
    return await client.put(f"{url}/documents", json={"documents": list(documents)})


async def test_queries_by_text(running, words, encoder):
    async with running(words) as client:
        answer = (await search(client, "word3 word5")).json()
        with seismic.open(words / "words") as index:
            expected = index.search({"text": "word3 word5"})
        assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [(hit.id, hit.score) for hit in expected]
        assert answer["warnings"] == []
        answer = (await search(client, "word1 word2 word3 word4")).json()
        assert answer["warnings"] == ["the text is too long: its last 1 word pieces were cut off"]
        assert (await search(client, " \n")).json()["warnings"] == ["the query is empty, so nothing matches"]
        assert (await client.get(URL)).json()["encoder"] == "encoder"


async def test_a_plain_text_is_a_query(running, words):
    async with running(words) as client:
        expected = (await search(client, "word3 word5")).json()["hits"]
        answer = await client.post(f"{URL}/search", json={"query": "word3 word5"})
        assert answer.json()["hits"] == expected
        searches = {"searches": [{"query": "word3 word5"}, {"query": {"text": "word3 word5"}}]}
        answer = await client.post(f"{URL}/search/batch", json=searches)
        assert [one["hits"] for one in answer.json()["answers"]] == [expected] * 2
        with seismic.open(words / "words") as index:
            assert index.search("word3 word5") == index.search({"text": "word3 word5"})
            numbers, _ = index.search_batch(["word3 word5", {"text": "word3 word5"}], 2)
            assert numbers[0].tolist() == numbers[1].tolist()


async def test_texts_as_examples(running, words):
    async with running(words) as client:
        (one,) = (await search(client, "word3 word5")).json()["hits"][:1]
        query = {"positive": [{"text": "word3 word5"}, {"text": "word3 word5"}]}
        (same,) = (await client.post(f"{URL}/search", json={"query": query, "limit": 1})).json()["hits"]
        assert (same["id"], same["score"]) == (one["id"], one["score"])
        query = {"positive": [{"text": "word1 word2 word3 word4"}], "negative": [{"text": "word1 word2 word3 word5"}]}
        answer = (await client.post(f"{URL}/search", json={"query": query})).json()
        assert answer["warnings"][0] == "the text is too long: its last 2 word pieces were cut off"
        query = {"positive": [{"text": "word1"}] * 17}
        response = await client.post(f"{URL}/search", json={"query": query})
        assert problem(response, 422).detail == "positive: found 17 texts, expected at most 16"


async def test_documents_by_text(running, words):
    async with running(words) as client:
        answer = await put(
            client,
            {"id": "d", "text": "word7", "payload": {"title": "word8"}},
            {"id": "e", "payload": {"title": "word9"}},
            {"id": "f", "tokens": {"word10": 2.0}},
            {"id": "a", "text": "word1 word2 word3 word4 word5", "payload": {"year": 9}},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["warnings"] == ["1 documents are too long for the encoder: 2 word pieces were cut off"]
        for text, best in (("word7", "d"), ("word8", "d"), ("word9", "e"), ("word10", "f"), ("word1", "a")):
            assert (await search(client, text)).json()["hits"][0]["id"] == best
        assert (await client.get(f"{URL}/documents/d")).json()["payload"] == {
            "title": "word8",
            "text": "word7",
            "year": None,
        }
        assert (await client.get(f"{URL}/documents/a")).json()["payload"]["text"].endswith("word5")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"id": "d"}, "row 1: found neither a vector nor text to encode, expected text in title, text"),
        ({"id": "d", "payload": {"year": 7}}, "row 1: found neither a vector nor text"),
        ({"id": "d", "payload": {"title": 7}}, "row 1, field 'title': found 7, expected text"),
        (
            {"id": "d", "text": "x", "payload": {"text": "y"}},
            "row 1, field 'text': found in the document and in its payload",
        ),
        (
            {"id": "d", "text": "x", "tokens": {"word1": 1.0}},
            "#/documents/1: expected either 'indices' and 'values', or",
        ),
        ({"id": "d", "text": 7}, "#/documents/1/text: input should be a valid string (found 7)"),
    ],
)
async def test_wrong_documents(document, message, running, words):
    async with running(words) as client:
        answer = problem(await put(client, {"id": "e", "text": "word1"}, document), 422)
        assert answer.detail.startswith(message)
        assert (await client.get(URL)).json()["sequence"] == 0


async def test_a_patched_text_is_encoded_with_the_stored_title(running, words, encoder):
    async with running(words) as client:
        document = {"id": "new", "payload": {"title": "word1", "text": "word2"}}
        assert (await client.put(f"{URL}/documents", json={"documents": [document]})).status_code == 200
        patch = {"id": "new", "text": "word3"}
        assert (await client.patch(f"{URL}/documents", json={"documents": [patch]})).status_code == 200
        shown = (await client.get(f"{URL}/documents/new?with_vector=true")).json()
        assert (shown["payload"]["title"], shown["payload"]["text"]) == ("word1", "word3")
        whole = {"id": "whole", "payload": {"title": "word1", "text": "word3"}}
        assert (await client.put(f"{URL}/documents", json={"documents": [whole]})).status_code == 200
        assert shown["vector"] == (await client.get(f"{URL}/documents/whole?with_vector=true")).json()["vector"]
        assert (await client.patch(f"{URL}/documents", json={"documents": [{"id": "never", "text": "word3"}]})).json()[
            "updated"
        ] == 0


async def test_collections_without_an_encoder(running, tiny):
    async with running(tiny) as client:
        url = "/v1/collections/tiny"
        answer = problem(await client.post(f"{url}/search", json={"query": {"text": "word1"}}), 422)
        assert answer.type == "urn:problem-type:seismic:invalid-query"
        assert answer.detail.startswith("text: this collection has no encoder for texts; give indices and values, or")
        answer = problem(await put(client, {"id": "d", "text": "x"}, url=url), 422)
        assert answer.detail.startswith(
            "row 0: found no vector, and this collection has no encoder to compute one from text"
        )
        assert "encoder" not in (await client.get(url)).json()


async def test_a_missing_encoder(running, words, encoder, caplog):
    shutil.rmtree(encoder.name)
    async with running(words) as client:
        found = await client.post(f"{URL}/search", json={"query": {"tokens": {"word3": 1.0}}})
        assert found.json()["hits"][0]["id"] == "b"
        answer = problem(await search(client, "word3"), 500)
        assert answer.type == "urn:problem-type:seismic:encoder"
        assert encoder.name not in answer.detail


async def test_texts_encoded_for_another_encoder_are_refused(running, words, encoder, tmp_path):
    """Rebuild a collection between encoding and writing."""
    async with running(words, reload_ms=3_600_000) as client:
        other = load_encoder(str(write_encoder(tmp_path / "other", max_length=9, idf={"word1": 1.0})))
        documents = pa.table({"id": ["a"], "title": ["A"], "text": ["x"], "year": [1]})
        vectors = encoder.encode_documents(["word1"]).vectors
        seismic.build(vectors, words / "words", documents=documents, encoder=other, replace=True)
        answer = problem(await put(client, {"id": "d", "text": "word7"}), 422)
        assert answer.detail.startswith("the collection was rebuilt with another encoder in the meantime")


async def test_bm25(running, tmp_path):
    """Search by text, and upsert texts with words that the vocabulary lacks."""
    texts = ["Mars is a planet", "The sun is a star"]
    fitted = fit_bm25(texts)
    documents = pa.table({"id": ["a", "b"], "text": texts})
    seismic.build(fitted.vectors, tmp_path / "served" / "words", documents=documents, encoder=fitted.encoder)
    async with running(tmp_path / "served") as client:
        assert (await client.get(URL)).json()["encoder"] == "bm25"
        answer = (await search(client, "is Pluto a planet")).json()
        assert [hit["id"] for hit in answer["hits"]] == ["a", "b"]
        assert answer["unknown_tokens"] == ["pluto"]
        answer = (await put(client, {"id": "c", "text": "Pluto was a planet"}, {"id": "d", "text": ""})).json()
        assert answer["warnings"] == []
        assert [hit["id"] for hit in (await search(client, "planet")).json()["hits"]] == ["a", "c"]
        assert [hit["id"] for hit in (await search(client, "was Pluto")).json()["hits"]] == ["c"]
        document = (await client.get(f"{URL}/documents/c?with_vector=tokens")).json()
        assert set(document["vector"]["tokens"]) == {"pluto", "was", "a", "planet"}
        request = {"query": "is Pluto a planet", "idf_filter": {"must": [{"ids": ["a", "c"]}]}}
        answer = (await client.post(f"{URL}/search", json=request)).json()
        with seismic.open(tmp_path / "served" / "words") as index:
            expected = index.ask(SearchRequest(**request))
        assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [(hit.id, hit.score) for hit in expected.hits]
        wrong = {"query": "planet", "idf_filter": {"must": [{"key": "x", "match": {"value": 1}}]}}
        refused = problem(await client.post(f"{URL}/search", json=wrong), 422)
        assert "idf_filter.must[0].key: unknown column 'x'" in refused.detail


async def test_bm25_in_a_strict_collection(running, tmp_path):
    fitted = fit_bm25(["Mars is a planet"])
    documents = pa.table({"id": ["a"], "text": ["Mars is a planet"]})
    folder = tmp_path / "served"
    seismic.build(fitted.vectors, folder / "words", documents=documents, encoder=fitted.encoder, strict=True)
    async with running(folder) as client:
        answer = (await put(client, {"id": "c", "text": "Pluto was a planet"})).json()
        assert answer["warnings"] == ["2 words are not in the vocabulary and were left out: pluto, was"]
        assert [hit["id"] for hit in (await search(client, "planet")).json()["hits"]] == ["a", "c"]


async def test_snippets(running, words):
    async with running(words) as client:
        request = {"query": "word5", "snippet": {"length": 11}, "with_payload": False}
        hit = (await client.post(f"{URL}/search", json=request)).json()["hits"][0]
        passage = {"text": "word5 word6", "start": 6, "end": 17, "highlights": [[0, 5]]}
        assert hit["snippet"] == {"column": "text", **passage}
        hit = (await client.post(f"{URL}/search", json={"query": "word5", "snippet": True})).json()["hits"][0]
        assert hit["snippet"]["text"] == TEXTS[2]
        hit = (await client.post(f"{URL}/search", json={"query": "word5", "snippet": False})).json()["hits"][0]
        assert "snippet" not in hit
        for wrong, said in (({"column": "year"}, "'year' holds int64"), ({"size": 3}, "snippet"), (3, "snippet")):
            answer = await client.post(f"{URL}/search", json={"query": "word5", "snippet": wrong})
            assert answer.status_code == 422
            assert said in answer.text


async def test_chunks(running, tmp_path):
    url, text = "/v1/collections/long", "word1 word2 word3 word4 word5"
    async with running(tmp_path) as client:
        body = {"encoder": "bm25", "chunks": {"size": 2, "overlap": 1}, "columns": {"lang": "string"}}
        assert (await client.put(url, json=body)).status_code == 201
        document = {"id": 7, "text": text, "payload": {"lang": "en"}, "if_absent": True}
        answer = (await put(client, document, {"id": "8", "text": "word6"}, url=url)).json()
        assert (answer["documents"], answer["created"]) == (2, 5)
        request = {"query": "word5", "group_by": {"key": "parent"}, "snippet": True}
        (group,) = (await client.post(f"{url}/search", json=request)).json()["groups"]
        (hit,) = group["hits"]
        assert (group["value"], hit["id"]) == ("7", "7#3")
        place = {"parent": "7", "chunk": 3, "start": 18, "end": 29}
        assert hit["payload"] == {"text": "word4 word5", "lang": "en", **place}
        assert hit["snippet"]["highlights"] == [[6, 11]]
        assert (await put(client, document, url=url)).status_code == 409
        answer = (await put(client, {"id": "7", "text": "word1"}, url=url)).json()
        assert (answer["updated"], answer["deleted"]) == (1, 3)
        answer = await client.post(f"{url}/documents/delete", json={"ids": ["7"]})
        assert answer.json()["deleted"] == 1
        assert (await client.delete(f"{url}/documents/8")).json()["deleted"] == 1
        answer = await put(client, {"id": "a", "text": "b", "payload": {"parent": "c"}}, url=url)
        assert "row 0, field 'parent': chunks have a column of this name" in answer.text
        for wrong in ({"size": 2, "overlap": 2}, {"size": 0}):
            answer = await client.put("/v1/collections/other", json={"encoder": "bm25", "chunks": wrong})
            assert answer.status_code == 422, answer.text
        answer = await client.put("/v1/collections/other", json={"chunks": {"size": 2}})
        assert "chunks: found no encoder" in answer.text
