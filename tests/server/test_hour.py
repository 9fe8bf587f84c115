"""The first hour of somebody who builds a search for a chatbot: over REST alone, in Python, and by the client.

Each starts from an empty folder and follows the same script.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic.client import Client

from .conftest import PATIENCE, Server, start, wait_for

TEXTS = {
    "mars": "Mars is the fourth planet from the sun",
    "venus": "Venus is a hot planet close to the sun",
    "bread": "Bread is baked from flour and water",
    "soup": "Soup is cooked from water and vegetables",
}
PASSAGES = [
    {"id": id, "text": text, "payload": {"lang": "en", "part": number}}
    for number, (id, text) in enumerate(TEXTS.items())
]
GERMAN = {"lang": "de"}


class Person(ABC):
    """Somebody with one way to use Seismic. Collections are named; ids are returned in order."""

    @abstractmethod
    def create(self, name: str) -> None:
        """Create a collection of texts encoded by splade-tiny, with a column `lang`."""

    @abstractmethod
    def upsert(self, name: str, passages: list[dict[str, Any]]) -> None:
        """Insert texts."""

    @abstractmethod
    def search(self, name: str, text: str, filter: Any = None) -> list[tuple[str, dict[str, Any]]]:
        """Return ids and payloads."""

    @abstractmethod
    def add_column(self, name: str, column: str, kind: str) -> None: ...

    @abstractmethod
    def patch(self, name: str, id: str, payload: dict[str, Any]) -> None: ...

    @abstractmethod
    def scroll(self, name: str, filter: Any, limit: int) -> list[str]:
        """Return all ids that match, read in pages."""

    @abstractmethod
    def delete(self, name: str, filter: Any) -> None: ...

    @abstractmethod
    def alias(self, alias: str, name: str) -> None: ...

    @abstractmethod
    def export(self, name: str, to: Path) -> None: ...

    @abstractmethod
    def copy(self, name: str, to: str, folder: Path) -> None:
        """Save a snapshot, take it away, and restore it by another name."""

    @abstractmethod
    def drop(self, name: str) -> None: ...

    @abstractmethod
    def names(self) -> list[str]: ...


def an_hour(person: Person, folder: Path) -> None:
    """Do everything, and check what can be seen of it."""
    assert person.names() == []
    person.create("passages")
    assert person.search("passages", "planet") == []
    person.upsert("passages", PASSAGES)
    found = person.search("passages", "planet near the sun")
    assert {id for id, _ in found[:2]} == {"mars", "venus"}
    assert found[0][1] == {"lang": "en", "part": list(TEXTS).index(found[0][0]), "text": TEXTS[found[0][0]]}
    # a column that nobody thought of at first, by itself and with a document
    person.add_column("passages", "stars", "int64")
    person.upsert("passages", [{"id": "brot", "text": "Bread, in German", "payload": {"lang": "de", "source": "wiki"}}])
    person.patch("passages", "bread", {"stars": 5})
    assert dict(person.search("passages", "bread"))["bread"] == {
        "lang": "en", "part": 2, "text": TEXTS["bread"], "stars": 5, "source": None,
    }  # fmt: skip
    assert [id for id, _ in person.search("passages", "bread", GERMAN)] == ["brot"]
    assert [id for id, _ in person.search("passages", "water", {"stars": 5})] == ["bread"]
    assert person.scroll("passages", None, 2) == ["bread", "brot", "mars", "soup", "venus"]
    assert person.scroll("passages", GERMAN, 2) == ["brot"]
    person.delete("passages", GERMAN)
    assert person.scroll("passages", None, 3) == ["bread", "mars", "soup", "venus"]
    # a second version, to which the application is switched by an alias
    person.alias("live", "passages")
    person.create("better")
    person.upsert("better", PASSAGES[:1])
    assert person.scroll("live", None, 9) == ["bread", "mars", "soup", "venus"]
    person.alias("live", "better")
    assert person.scroll("live", None, 9) == ["mars"]
    person.upsert("live", PASSAGES[2:3])
    assert [id for id, _ in person.search("better", "bread")][:1] == ["bread"]
    # a copy to keep, and the data for other tools
    person.copy("passages", "restored", folder)
    assert person.scroll("restored", None, 9) == ["bread", "mars", "soup", "venus"]
    assert dict(person.search("restored", "bread"))["bread"]["stars"] == 5
    person.export("restored", folder / "passages.parquet")
    table = pq.read_table(folder / "passages.parquet")
    assert sorted(table["id"].to_pylist()) == ["bread", "mars", "soup", "venus"]
    assert set(table.column_names) == {"id", "text", "lang", "part", "stars", "source", "indices", "values"}
    for name in ("passages", "restored", "better"):
        person.drop(name)
    assert person.names() == []


class InPython(Person):
    """Works on the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, name: str) -> None:
        encoder = seismic.load_encoder("splade-tiny")
        seismic.create(self._folder / name, encoder=encoder, columns={"lang": "string"})

    def upsert(self, name: str, passages: list[dict[str, Any]]) -> None:
        encoder = seismic.load_encoder("splade-tiny")
        encoded = encoder.encode_documents([one["text"] for one in passages])
        rows = [{"id": one["id"], "text": one["text"], **one["payload"]} for one in passages]
        seismic.upsert(self._folder / name, encoded.vectors, pa.Table.from_pylist(rows), encoder=encoder)

    def search(self, name: str, text: str, filter: Any = None) -> list[tuple[str, dict[str, Any]]]:
        with seismic.open(self._folder / name) as index:
            hits = index.search(text, filter=filter)
            return [(hit.id, index.payloads([hit.number])[0]) for hit in hits]

    def add_column(self, name: str, column: str, kind: str) -> None:
        seismic.add_columns(self._folder / name, {column: kind})

    def patch(self, name: str, id: str, payload: dict[str, Any]) -> None:
        seismic.patch(self._folder / name, [{"id": id, **payload}])

    def scroll(self, name: str, filter: Any, limit: int) -> list[str]:
        ids, cursor = list[str](), None
        while True:
            with seismic.open(self._folder / name) as index:
                page = index.scroll(filter, limit=limit, cursor=cursor)
            ids += [document.id for document in page.documents]
            if (cursor := page.cursor) is None:
                return ids

    def delete(self, name: str, filter: Any) -> None:
        seismic.delete(self._folder / name, filter=filter)

    def alias(self, alias: str, name: str) -> None:
        seismic.alias(self._folder, alias, name)

    def export(self, name: str, to: Path) -> None:
        with seismic.open(self._folder / name) as index:
            index.export(to)

    def copy(self, name: str, to: str, folder: Path) -> None:
        seismic.create_snapshot(self._folder / name, folder / "saved.snapshot")
        seismic.restore_snapshot(folder / "saved.snapshot", self._folder / to)

    def drop(self, name: str) -> None:
        seismic.drop(self._folder / name)

    def names(self) -> list[str]:
        return seismic.collections(self._folder)


class OverRest(Person):
    """Sends requests with nothing but HTTP and JSON."""

    def __init__(self, url: str) -> None:
        self.connection = self._http = httpx2.Client(base_url=f"{url}/v1", timeout=PATIENCE)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self._http.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def _wait(self, job: Any) -> Any:
        wait_for(lambda: self._ask("GET", f"/jobs/{job['id']}")["state"] not in ("queued", "running"))
        done = self._ask("GET", f"/jobs/{job['id']}")
        assert done["state"] == "done", done
        return done["result"]

    def create(self, name: str) -> None:
        self._ask("PUT", f"/collections/{name}", json={"encoder": "splade-tiny", "columns": {"lang": "string"}})

    def upsert(self, name: str, passages: list[dict[str, Any]]) -> None:
        self._ask("PUT", f"/collections/{name}/documents", json={"documents": passages})

    def search(self, name: str, text: str, filter: Any = None) -> list[tuple[str, dict[str, Any]]]:
        body = {"query": {"text": text}, "with_payload": True} | ({"filter": filter} if filter else {})
        hits = self._ask("POST", f"/collections/{name}/search", json=body)["hits"]
        return [(hit["id"], hit["payload"]) for hit in hits]

    def add_column(self, name: str, column: str, kind: str) -> None:
        self._ask("PATCH", f"/collections/{name}", json={"columns": {column: kind}})

    def patch(self, name: str, id: str, payload: dict[str, Any]) -> None:
        self._ask("PATCH", f"/collections/{name}/documents", json={"documents": [{"id": id, "payload": payload}]})

    def scroll(self, name: str, filter: Any, limit: int) -> list[str]:
        ids, body = list[str](), {"limit": limit} | ({"filter": filter} if filter else {})
        while True:
            page = self._ask("POST", f"/collections/{name}/documents/scroll", json=body)
            ids += [document["id"] for document in page["documents"]]
            if "cursor" not in page:
                return ids
            body["cursor"] = page["cursor"]

    def delete(self, name: str, filter: Any) -> None:
        self._ask("POST", f"/collections/{name}/documents/delete", json={"filter": filter})

    def alias(self, alias: str, name: str) -> None:
        self._ask("PUT", f"/aliases/{alias}", json={"collection": name})

    def export(self, name: str, to: Path) -> None:
        to.write_bytes(self._http.get(f"/collections/{name}/export", params={"format": "parquet"}).content)
        lines = self._http.get(f"/collections/{name}/export").text.splitlines()
        assert len(list(map(json.loads, lines))) == len(pq.read_table(to))

    def copy(self, name: str, to: str, folder: Path) -> None:
        file = self._wait(self._ask("POST", f"/collections/{name}:snapshot"))["file"]
        saved = self._http.get(f"/collections/{name}/snapshots/{file}").content
        self._ask("DELETE", f"/collections/{name}/snapshots/{file}")
        self._wait(self._ask("POST", f"/collections/{to}:restore", content=saved))

    def drop(self, name: str) -> None:
        self._ask("DELETE", f"/collections/{name}")

    def names(self) -> list[str]:
        return [one["name"] for one in self._ask("GET", "/collections")["collections"]]


class ByClient(Person):
    """Uses the Python client."""

    def __init__(self, url: str) -> None:
        self.connection = self._client = Client(url, timeout=PATIENCE)

    def create(self, name: str) -> None:
        self._client.create(name, encoder="splade-tiny", columns={"lang": "string"})

    def upsert(self, name: str, passages: list[dict[str, Any]]) -> None:
        self._client.upsert(name, passages)

    def search(self, name: str, text: str, filter: Any = None) -> list[tuple[str, dict[str, Any]]]:
        options = {"filter": filter} if filter else {}
        return [
            (str(hit.id), hit.payload or {})
            for hit in self._client.search(name, text, with_payload=True, **options).hits
        ]

    def add_column(self, name: str, column: str, kind: str) -> None:
        self._client.add_columns(name, {column: kind})

    def patch(self, name: str, id: str, payload: dict[str, Any]) -> None:
        self._client.patch(name, documents=[{"id": id, "payload": payload}])

    def scroll(self, name: str, filter: Any, limit: int) -> list[str]:
        options = {"filter": filter} if filter else {}
        return [str(document.id) for document in self._client.scroll(name, limit=limit, **options)]

    def delete(self, name: str, filter: Any) -> None:
        self._client.delete(name, filter=filter)

    def alias(self, alias: str, name: str) -> None:
        self._client.set_alias(alias, name)

    def export(self, name: str, to: Path) -> None:
        self._client.export(name, to)

    def copy(self, name: str, to: str, folder: Path) -> None:
        file = (self._client.wait(self._client.snapshot(name)).result or {})["file"]
        saved = self._client.download_snapshot(name, file, folder)
        self._client.delete_snapshot(name, file)
        self._client.wait(self._client.restore(to, saved))

    def drop(self, name: str) -> None:
        self._client.drop(name)

    def names(self) -> list[str]:
        return [one.name for one in self._client.collections()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "collections").mkdir()
    server = start(tmp_path / "collections", tmp_path / "log.jsonl")
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def test_an_hour_in_python(tmp_path: Path) -> None:
    (tmp_path / "collections").mkdir()
    an_hour(InPython(tmp_path / "collections"), tmp_path)


@pytest.mark.parametrize("person", [OverRest, ByClient])
def test_an_hour_with_a_service(server: Server, tmp_path: Path, person: Any) -> None:
    somebody = person(server.url)
    with closing(somebody.connection):
        an_hour(somebody, tmp_path)
