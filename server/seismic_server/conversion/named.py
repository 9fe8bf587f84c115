"""Vectors that documents bring by field: texts are encoded, and the rows of each field put together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from seismic import Encoded, EncoderEntry, FieldEntry, Index, SparseVectors, VectorError
from seismic.changes.fielded import growth_of
from seismic.changes.records import Change, Rules
from seismic.encoders import encode_with_new
from seismic.errors import InputError
from seismic.fields.entry import check_encoder, named
from seismic.fields.growth import join_fields
from seismic.fields.joined import JoinedVocabulary
from seismic_server.schemas.bodies import DocumentIn, NamedVector
from seismic_server.schemas.changes import PatchIn

D = TypeVar("D", DocumentIn, PatchIn)

EMPTY: dict[str, list[Any]] = {"indices": [], "values": []}


def check_named(fields: Sequence[FieldEntry], documents: Sequence[DocumentIn | PatchIn]) -> None:
    """Raise InputError, with row and field, for a vector of a field that the collection lacks, or of none."""
    names = {field.name for field in fields}
    for row, document in enumerate(documents):
        if document.fields is None:
            if len(fields) > 1 and (document.indices is not None or document.tokens is not None):
                expected = f"expected them by field, as the collection has the fields {named(fields)}"
                raise VectorError(f"found a vector without a name, {expected}", row=row, field="fields")
            continue
        if not fields:
            raise VectorError("this collection has no named fields; send the vector itself", row=row, field="fields")
        for name in document.fields:
            if name not in names:
                raise VectorError(f"found field '{name}', expected {named(fields)}", row=row, field="fields")


def encoded_parts(
    index: Index, documents: Sequence[D], texts: Mapping[str, Mapping[int, str]]
) -> tuple[list[D], dict[str, EncoderEntry], list[Encoded]]:
    """Return documents with vectors in place of their texts, the encoders used by field, and what they returned.

    `texts`: by field and row, texts that become vectors of a field, in addition to those that documents have there.
    """
    done, entries, results = list(documents), dict[str, EncoderEntry](), list[Encoded]()
    for field in index.fields:
        given = {
            row: part.text
            for row, document in enumerate(documents)
            if (part := (document.fields or {}).get(field.name)) is not None and part.text is not None
        }
        wanted = dict(sorted({**given, **texts.get(field.name, {})}.items()))
        if not wanted:
            continue
        try:
            entries[field.name] = check_encoder(field.encoder, (field,))
        except InputError as error:
            raise VectorError(str(error), row=next(iter(wanted)), field="fields") from None
        vectors, encoded = _encode(index, field, list(wanted.values()))
        results += [encoded] if encoded else []
        for row, vector in zip(wanted, vectors, strict=True):
            fields = {**(done[row].fields or {}), field.name: vector}
            done[row] = done[row].model_copy(update={"fields": fields})
    return done, entries, results


def _encode(index: Index, field: FieldEntry, texts: list[str]) -> tuple[list[NamedVector], Encoded | None]:
    """Return vectors of texts: by token if the field grows, as the components of new ones are known when written."""
    encoder = index.view.field_encoder(field)
    if encoder.entry.bm25 is not None and not index.view.rules.strict:
        return [NamedVector(tokens=tokens) for tokens in by_token(encoder, texts)], None
    encoded = encoder.encode_documents(texts)
    pairs = (encoded.vectors[row] for row in range(len(texts)))
    return [NamedVector(indices=one.tolist(), values=other.tolist()) for one, other in pairs], encoded


def by_token(encoder: Any, texts: Sequence[str]) -> Iterable[dict[str, float]]:
    """Yield token -> weight of each text: the components of new tokens are known when the change is written."""
    encoded, vocabulary = encode_with_new(encoder, texts), encoder.vocabulary
    for row in range(len(texts)):
        components, values = encoded.vectors[row]
        known = components < len(vocabulary)
        names = vocabulary.tokens.take(components[known]).to_pylist()
        names += [encoded.unknown[component - len(vocabulary)] for component in components[~known].tolist()]
        yield dict(zip(names, values.tolist(), strict=True))


def unnamed(fields: Sequence[FieldEntry], documents: Sequence[D]) -> list[D]:
    """Return the documents of a collection with one field with its vector in place of the fields."""
    done = []
    for document in documents:
        if document.fields is not None:
            part = document.fields.get(fields[0].name)
            vector: dict[str, Any] = EMPTY if part is None and isinstance(document, DocumentIn) else {}
            if part is not None:
                vector = {"indices": part.indices, "values": part.values, "tokens": part.tokens}
            document = document.model_copy(update={**vector, "fields": None})
        done.append(document)
    return done


def join_named(
    documents: Sequence[DocumentIn | PatchIn], rows: Sequence[int], names: Sequence[str], rules: Rules
) -> tuple[list[Change], SparseVectors]:
    """Return the vectors of some rows in some fields, after the growth that they need. Raises InputError."""
    assert isinstance(rules.vocabulary, JoinedVocabulary)
    given: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            given[name].append(_form((documents[row].fields or {}).get(name)))
    try:
        vectors, tokens = join_fields(given, rules.vocabulary, strict=rules.strict)
    except VectorError as error:  # its row counts those given
        place = None if error.row is None else rows[error.row]
        raise VectorError(error.problem, row=place, field=error.field) from None
    return [*growth_of(tokens, rules)], vectors


def _form(part: NamedVector | None) -> dict[Any, Any]:
    if part is None:
        return EMPTY
    if part.tokens is not None:
        return dict(part.tokens)
    return {"indices": part.indices or [], "values": part.values or []}
