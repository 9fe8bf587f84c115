"""Encoding of documents that arrive as texts."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from seismic import Chunking, Encoded, EncoderEntry, FieldEntry, Index, InputError, VectorError
from seismic.changes.records import Rules
from seismic.documents.chunked import chunk_id
from seismic.encoders import Locate, chunks_of, joined
from seismic.encoders.chunks import COLUMNS
from seismic.fields.entry import named
from seismic_server.conversion.named import by_token, check_named, encoded_parts, unnamed
from seismic_server.schemas.bodies import DocumentIn
from seismic_server.schemas.changes import PatchIn

SHOWN = 3
"""Unknown words that a warning shows."""


D = TypeVar("D", DocumentIn, PatchIn)


class EncodedDocuments(NamedTuple, Generic[D]):
    """Documents that all have vectors, and the entries of the encoders that made some of them."""

    documents: Sequence[D]
    entry: EncoderEntry | None = None
    warnings: Sequence[str] = ()
    by_field: Mapping[str, EncoderEntry] = {}
    parents: Sequence[str] = ()
    """Ids of the documents that were cut into chunks."""

    def check(self, rules: Rules) -> None:
        """Raise InputError if the collection was rebuilt meanwhile with another encoder, or to encode other fields."""
        for name, used in self.by_field.items():
            ours = next((field.encoder for field in rules.fields if field.name == name), None)
            if ours is None or (ours.hash, ours.fields) != (used.hash, used.fields):
                message = "the collection was rebuilt to encode it otherwise in the meantime; send the documents again"
                raise InputError(f"field '{name}': {message}")
        if self.entry is None:
            return
        try:
            rules.check_origin(encoder=self.entry)
        except InputError as error:
            message = "the collection was rebuilt with another encoder in the meantime; send the documents again"
            raise InputError(f"{message} ({error})") from None
        if rules.encoder is not None and rules.encoder.chunks != self.entry.chunks:
            raise InputError("the collection was rebuilt with other chunks in the meantime; send the documents again")
        if rules.encoder is not None and rules.encoder.fields != self.entry.fields:
            before, now = (", ".join(entry.fields) for entry in (self.entry, rules.encoder))
            message = "the collection was rebuilt to encode other fields in the meantime; send the documents again"
            raise InputError(f"{message} (found {before}, expected {now})")


def encode_documents(index: Index, documents: Sequence[DocumentIn]) -> EncodedDocuments[DocumentIn]:
    """Encode the documents without vectors by the collection's encoders. InputError names row and field."""
    check_named(index.fields, documents)
    if len(index.fields) > 1:
        return _encoded_by_field(index, documents, _column_texts(index.fields, documents))
    documents, by_field, warnings = _one_field(index, documents)
    entry, parents = index.manifest.encoder, list[str]()
    if entry is not None and entry.chunks is not None:
        documents, parents = cut(documents, entry, entry.chunks, index.encoder.locate)
    rows = [row for row, document in enumerate(documents) if not _has_vector(document)]
    encoded = _encoded(index, documents, rows, [documents[row].payload for row in rows])
    return encoded._replace(by_field=by_field, warnings=[*warnings, *encoded.warnings], parents=parents)


def _has_vector(document: DocumentIn) -> bool:
    return document.indices is not None or document.tokens is not None


def cut(
    documents: Sequence[DocumentIn], entry: EncoderEntry, chunking: Chunking, locate: Locate
) -> tuple[list[DocumentIn], list[str]]:
    """Return documents with the chunks of those without vectors in their place, and the ids of these.

    Conditions stay with the first chunk. InputError names row and field.
    """
    done, parents = list[DocumentIn](), list[str]()
    column = entry.fields[-1]
    for row, document in enumerate(documents):
        if _has_vector(document):
            done.append(document)
            continue
        _text(document.payload, document.text, row, entry.fields)  # checks that there are texts
        values = {**document.payload, **({} if document.text is None else {"text": document.text})}
        if taken := [name for name in COLUMNS if name in values]:
            raise VectorError("chunks have a column of this name; leave it out", row=row, field=taken[0])
        parents.append(str(document.id))
        for number, chunk in enumerate(chunks_of(values.get(column) or "", locate, chunking)):
            own = (parents[-1], number, chunk.start, chunk.end)
            payload = {**values, column: chunk.text, **dict(zip(COLUMNS, own, strict=True))}
            update: dict[str, Any] = {"id": chunk_id(document.id, number), "text": None, "payload": payload}
            update |= {"if_absent": False, "if_sequence": None} if number else {}
            done.append(document.model_copy(update=update))
    return done, parents


def encode_patches(index: Index, patches: Sequence[PatchIn], *, replace: bool) -> EncodedDocuments[PatchIn]:
    """Encode the patches with a text, next to the other columns that the encoder reads. InputError names row and field.

    Columns that a patch leaves are those stored now; `replace`: it leaves none.
    """
    check_named(index.fields, patches)
    rows = [row for row, patch in enumerate(patches) if patch.text is not None]
    if len(index.fields) > 1:
        texts: dict[str, dict[int, str]] = {}
        able = [field for field in index.fields if "text" in field.columns]
        if rows and not able:
            problem = f"no field of {named(index.fields)} reads the column text; send vectors by field"
            raise VectorError(problem, row=rows[0], field="text")
        for field in able:
            payloads = _payloads_of(index, patches, rows, field.columns, replace=replace)
            pairs = zip(rows, payloads, strict=True)
            texts[field.name] = {row: _text(payload, patches[row].text, row, field.columns) for row, payload in pairs}
        return _encoded_by_field(index, patches, texts)
    patches, by_field, warnings = _one_field(index, patches)
    entry = index.manifest.encoder
    encoded = _encoded(
        index, patches, rows, _payloads_of(index, patches, rows, entry.fields if entry else (), replace=replace)
    )
    return encoded._replace(by_field=by_field, warnings=[*warnings, *encoded.warnings])


def _payloads_of(
    index: Index, patches: Sequence[PatchIn], rows: Sequence[int], columns: Sequence[str], *, replace: bool
) -> list[dict[str, Any]]:
    """Return the values of some columns after patches in `rows`."""
    payloads = [{**patches[row].payload, **dict.fromkeys(patches[row].unset)} for row in rows]
    others = [column for column in columns if column != "text" and column in index.columns]
    if not rows or not others or replace:
        return payloads
    ids: Any = [patches[row].id for row in rows]
    found = index.fetch(ids, others)
    return [{**(stored.payload if stored else {}), **payload} for stored, payload in zip(found, payloads, strict=True)]


def _one_field(index: Index, documents: Sequence[D]) -> tuple[list[D], Mapping[str, EncoderEntry], list[str]]:
    """Return the documents of a collection with at most one field as without fields, and how texts were encoded."""
    if not index.fields:
        return list(documents), {}, []
    done, entries, results = encoded_parts(index, documents, {})
    return unnamed(index.fields, done), entries, [warning for one in results for warning in _warnings(one)]


def _encoded_by_field(
    index: Index, documents: Sequence[D], texts: Mapping[str, Mapping[int, str]]
) -> EncodedDocuments[D]:
    done, entries, results = encoded_parts(index, documents, texts)
    return EncodedDocuments(done, None, [warning for one in results for warning in _warnings(one)], entries)


def _column_texts(fields: Sequence[FieldEntry], documents: Sequence[DocumentIn]) -> dict[str, dict[int, str]]:
    """Return the texts of documents without vectors by field and row; none where all columns of a field are null."""
    texts: dict[str, dict[int, str]] = {field.name: {} for field in fields if field.encoder}
    for row, document in enumerate(documents):
        if document.fields is not None:
            continue
        values, found = {**document.payload, **({} if document.text is None else {"text": document.text})}, False
        for field in fields:
            if any(values.get(column) is not None for column in field.columns):
                texts[field.name][row], found = _text(document.payload, document.text, row, field.columns), True
        if not found:
            columns = ", ".join(dict.fromkeys(column for field in fields for column in field.columns)) or "no column"
            problem = f"found neither vectors by field nor text to encode, expected 'fields', or text in {columns}"
            raise VectorError(problem, row=row)
    return texts


def _encoded(
    index: Index, documents: Sequence[D], rows: Sequence[int], payloads: Sequence[dict[str, Any]]
) -> EncodedDocuments[D]:
    """Return documents with the vectors of those in `rows`, computed from their payloads and texts."""
    if not rows:
        return EncodedDocuments(documents)
    entry = index.manifest.encoder
    if entry is None:
        raise VectorError(
            "found no vector, and this collection has no encoder to compute one from text; send indices and values, or "
            "tokens, or build the collection with an encoder (--encoder)",
            row=rows[0],
        )
    pairs = zip(rows, payloads, strict=True)
    texts = [_text(payload, documents[row].text, row, entry.fields) for row, payload in pairs]
    done = list(documents)
    if entry.bm25 is not None and index.view.rules.grows:
        for row, tokens in zip(rows, by_token(index.encoder, texts), strict=True):
            done[row] = documents[row].model_copy(update={"tokens": tokens})
        return EncodedDocuments(done, entry)
    encoded = index.encoder.encode_documents(texts)
    for at, row in enumerate(rows):
        components, values = encoded.vectors[at]
        vector = {"indices": components.tolist(), "values": values.tolist()}
        done[row] = documents[row].model_copy(update=vector)
    return EncodedDocuments(done, entry, _warnings(encoded))


def _text(payload: dict[str, Any], text: str | None, row: int, fields: Sequence[str]) -> str:
    values = {**payload, **({} if text is None else {"text": text})}
    found = [values.get(field) for field in fields]
    if all(value is None for value in found):
        raise VectorError(f"found neither a vector nor text to encode, expected text in {', '.join(fields)}", row=row)
    for field, value in zip(fields, found, strict=True):
        if not (value is None or isinstance(value, str)):
            raise VectorError(f"found {value!r}, expected text", row=row, field=field)
    return joined(found)


def _warnings(encoded: Encoded) -> list[str]:
    warnings, beyond, unknown = [], encoded.cut[encoded.cut > 0], encoded.unknown
    if len(beyond):
        gone = f"{beyond.sum()} word pieces were cut off"
        warnings.append(f"{len(beyond)} documents are too long for the encoder: {gone}")
    if unknown:
        examples = ", ".join(unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
        warnings.append(f"{len(unknown)} words are not in the vocabulary and were left out: {examples}")
    return warnings
