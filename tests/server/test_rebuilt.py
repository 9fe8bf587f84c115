"""Writes after a rebuild follow the rules of the new generation, whatever the old one would say of them."""

from typing import Any

import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors, Vocabulary

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/documents"


def rebuild(
    folder, documents: pa.Table, vocabulary: Vocabulary | None = None, dimension: int = 4, strict: bool = False
) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}] * len(documents), dimension=dimension)
    seismic.build(vectors, folder, documents=documents, vocabulary=vocabulary, replace=True, strict=strict)


async def put(client, **document: Any):
    return await client.put(URL, json={"documents": [{"indices": [1], "values": [1.0], **document}]})


@pytest.mark.parametrize(
    ("documents", "fits"),
    [
        (pa.table({"id": ["x"], "color": ["red"]}), {"id": "n", "payload": {"color": "blue"}}),
        (pa.table({"id": ["x"], "year": ["MM"]}), {"id": "n", "payload": {"year": "MMXX"}}),
        (pa.table({"id": [1], "title": ["A"]}), {"id": 2, "payload": {"title": "B"}}),
        (pa.table({"id": ["x"]}), {"id": "n", "indices": [30]}),
    ],
    ids=["column", "type", "id", "dimension"],
)
async def test_a_request_that_only_the_new_schema_accepts(running, tiny, documents, fits):
    async with running(tiny, reload_ms=3_600_000) as client:
        assert (await put(client, id="first")).status_code == 200  # the writer knows the old schema
        rebuild(tiny / "tiny", documents, dimension=40)
        answer = await put(client, **fits)
        assert answer.status_code == 200, answer.text
        assert (await client.get(f"{URL}/{fits['id']}")).json()["payload"] == fits.get("payload", {})


async def test_a_request_that_only_the_old_schema_accepts(running, tiny):
    async with running(tiny, reload_ms=3_600_000) as client:
        assert (await put(client, id="first", payload={"title": "T"})).status_code == 200
        rebuild(tiny / "tiny", pa.table({"id": ["x"], "color": ["red"]}), strict=True)
        refused = problem(await put(client, id="n", payload={"title": "T"}), 422)
        assert refused.detail == "row 0, field 'title': unknown payload column, expected one of color"


async def test_deletes_after_ids_changed_their_type(running, tiny):
    async with running(tiny, reload_ms=3_600_000) as client:
        assert (await client.post(f"{URL}/delete", json={"ids": ["a"]})).status_code == 200
        rebuild(tiny / "tiny", pa.table({"id": [1, 2]}))
        assert (await client.post(f"{URL}/delete", json={"ids": [2]})).status_code == 200
        assert (await client.get(f"{URL}/2")).status_code == 404


async def test_tokens_after_a_vocabulary_came(running, tiny):
    async with running(tiny, reload_ms=3_600_000) as client:
        tokens = {"documents": [{"id": "n", "tokens": {"red": 1.0}}]}
        assert "no vocabulary" in problem(await client.put(URL, json=tokens), 422).detail
        rebuild(tiny / "tiny", pa.table({"id": ["x"]}), Vocabulary(["blue", "green", "red", "white"]))
        assert (await client.put(URL, json=tokens)).status_code == 200
        document = (await client.get(f"{URL}/n", params={"with_vector": "tokens"})).json()
        assert document["vector"] == {"tokens": {"red": 1.0}}
