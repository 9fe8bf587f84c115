"""Encoding of documents that arrive as texts."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from seismic import Encoded, Encoder, EncoderEntry, Index, InputError, VectorError
from seismic.changes.records import Rules
from seismic.encoders import encode_with_new, joined
from seismic_server.schemas.bodies import DocumentIn
from seismic_server.schemas.changes import PatchIn

SHOWN = 3
"""Unknown words that a warning shows."""


D = TypeVar("D", DocumentIn, PatchIn)


class EncodedDocuments(NamedTuple, Generic[D]):
    """Documents that all have vectors, and the entry of the encoder if it made some of them."""

    documents: Sequence[D]
    entry: EncoderEntry | None = None
    warnings: Sequence[str] = ()

    def check(self, rules: Rules) -> None:
        """Raise InputError if the collection was rebuilt meanwhile with another encoder, or to encode other fields."""
        if self.entry is None:
            return
        try:
            rules.check_origin(encoder=self.entry)
        except InputError as error:
            message = "the collection was rebuilt with another encoder in the meantime; send the documents again"
            raise InputError(f"{message} ({error})") from None
        if rules.encoder is not None and rules.encoder.fields != self.entry.fields:
            before, now = (", ".join(entry.fields) for entry in (self.entry, rules.encoder))
            message = "the collection was rebuilt to encode other fields in the meantime; send the documents again"
            raise InputError(f"{message} (found {before}, expected {now})")


def encode_documents(index: Index, documents: Sequence[DocumentIn]) -> EncodedDocuments[DocumentIn]:
    """Encode the documents without vectors by the collection's encoder. InputError names row and field."""
    rows = [row for row, document in enumerate(documents) if document.indices is None and document.tokens is None]
    return _encoded(index, documents, rows, [documents[row].payload for row in rows])


def encode_patches(index: Index, patches: Sequence[PatchIn], *, replace: bool) -> EncodedDocuments[PatchIn]:
    """Encode the patches with a text, next to the other columns that the encoder reads. InputError names row and field.

    Columns that a patch leaves are those stored now; `replace`: it leaves none.
    """
    rows = [row for row, patch in enumerate(patches) if patch.text is not None]
    entry = index.manifest.encoder
    payloads = [{**patches[row].payload, **dict.fromkeys(patches[row].unset)} for row in rows]
    others = [field for field in entry.fields if field != "text" and field in index.columns] if entry else []
    if rows and others and not replace:
        ids: Any = [patches[row].id for row in rows]
        found = index.fetch(ids, others)
        payloads = [
            {**(stored.payload if stored else {}), **payload} for stored, payload in zip(found, payloads, strict=True)
        ]
    return _encoded(index, patches, rows, payloads)


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
        for row, tokens in zip(rows, _by_token(index.encoder, texts), strict=True):
            done[row] = documents[row].model_copy(update={"tokens": tokens})
        return EncodedDocuments(done, entry)
    encoded = index.encoder.encode_documents(texts)
    for at, row in enumerate(rows):
        components, values = encoded.vectors[at]
        vector = {"indices": components.tolist(), "values": values.tolist()}
        done[row] = documents[row].model_copy(update=vector)
    return EncodedDocuments(done, entry, _warnings(encoded))


def _by_token(encoder: Encoder, texts: Sequence[str]) -> Iterator[dict[str, float]]:
    """Yield token -> weight of each text: the components of new tokens are known when the change is written."""
    encoded, vocabulary = encode_with_new(encoder, texts), encoder.vocabulary
    for row in range(len(texts)):
        components, values = encoded.vectors[row]
        known = components < len(vocabulary)
        names = vocabulary.tokens.take(components[known]).to_pylist()
        names += [encoded.unknown[component - len(vocabulary)] for component in components[~known].tolist()]
        yield dict(zip(names, values.tolist(), strict=True))


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
