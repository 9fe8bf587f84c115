"""Options such as `--field bm25=bm25:title,text`: fields with their encoders and columns."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seismic import Bm25, FieldEntry, Index, ParameterError, SparseVectors, load_encoder
from seismic.builder.spool import Spool
from seismic.changes.rules import Rules
from seismic.encoders import Encoded, GrowingEncoder, load_recorded
from seismic.encoders.bm25 import DEFAULT_AVERAGE, saturated
from seismic.encoders.bm25 import NAME as BM25
from seismic.encoders.counting import TermFrequencies
from seismic.fields.entry import check_name, check_weight, named
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.specs import parse_fields
from seismic.search.examples import resolve_batch
from seismic.store.failures import file_errors
from seismic.vectors import restricted
from seismic_tools.readers.batch import Tokens
from seismic_tools.readers.fields import FieldSource, FieldTexts
from seismic_tools.readers.spool import ROWS, Collection
from seismic_tools.readers.texts import Texts
from seismic_tools.terminal.progress import Report

TOKENS = "tokens"


def parse_field_options(
    given: Sequence[str], weights: Sequence[str] = (), idf: Sequence[str] = (), bm25: Bm25 | None = None
) -> dict[str, Any]:
    """Return the options of fields by name, from NAME[=ENCODER[:COLUMN,...]], NAME=WEIGHT and names of fields with idf.

    Raises ParameterError.

    In place of an encoder, `tokens` makes a field of tokens that documents bring with their weights.
    """
    fields: dict[str, Any] = {}
    for text in given:
        name, equals, rest = text.partition("=")
        encoder, colon, columns = rest.partition(":")
        if (equals and not encoder) or (colon and not all(columns.split(","))):
            raise ParameterError(f"--field: found '{text}', expected NAME, NAME=ENCODER or NAME=ENCODER:COLUMN,COLUMN")
        if check_name(name) in fields:
            raise ParameterError(f"--field: found '{name}' twice, expected each field once")
        options: dict[str, Any] = {"vocabulary": []} if encoder == TOKENS else {"encoder": encoder} if encoder else {}
        if colon:
            options["columns"] = columns.split(",")
        if encoder == BM25 and bm25 is not None:
            options["bm25"] = bm25
        fields[name] = options
    for name, weight in parse_weights(weights).items():
        _of(fields, name, "--weight")["weight"] = weight
    for name in idf:
        options = _of(fields, name, "--idf")
        if options.get("encoder") == BM25:
            raise ParameterError(f"--idf: found field '{name}' with {BM25}, which weighs queries by idf already")
        if "idf" in options:
            raise ParameterError(f"--idf: found '{name}' twice, expected each field once")
        options["idf"] = True
    return fields


def _of(fields: dict[str, Any], name: str, option: str) -> Any:
    if name not in fields:
        raise ParameterError(f"{option}: found field '{name}', expected {', '.join(fields) or 'those of --field'}")
    return fields[name]


def parse_weights(given: Sequence[str]) -> dict[str, float]:
    """Return field -> weight of options such as splade=0.3. Raises ParameterError."""
    weights: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        if not equals or name in weights:
            raise ParameterError(f"--weight: found '{text}', expected NAME=NUMBER such as splade=0.3, each name once")
        try:
            weight = float(number)
        except ValueError:
            raise ParameterError(f"--weight {name}: found '{number}', expected a number") from None
        weights[name] = check_weight(weight, f"--weight {name}")
    return weights


class FieldBuild:
    """Reads the documents of a build with several fields."""

    def __init__(self, fields: dict[str, Any], threads: int, report: Report) -> None:
        self._specs = parse_fields(fields)
        given = [options.get("bm25") for options in fields.values()]
        self._lengths = {at: bm25.average_length for at, bm25 in enumerate(given) if bm25 and bm25.average_length}
        self._tokens = Tokens()
        sources = []
        for spec in self._specs:
            entry, encoder = spec.entry, spec.encoder
            words = Tokens(spec.tokens.tokens.to_pylist() if spec.tokens else ())
            bm25 = entry.encoder.bm25 if entry.encoder else None
            words.growing = encoder is None or bm25 is not None
            if bm25 is not None:
                encode = partial(_count, TermFrequencies(bm25.terms(words.__getitem__)))
                sources.append(FieldSource(entry, words, encode, counts=True))
            else:
                sources.append(FieldSource(entry, words, encoder.encode_documents if encoder else None))
        self.texts = FieldTexts(sources, self._tokens, threads=threads, report=report)

    def finished(self, collection: Collection, scratch: Path) -> tuple[Collection, JoinedVocabulary]:
        """Return the collection with BM25's weights in place of counts, and the vocabulary with its fields."""
        entries = [spec.entry for spec in self._specs]
        vocabulary = JoinedVocabulary(list(self._tokens), entries)
        vectors = collection.vectors.widened(len(vocabulary))
        places = [at for at, entry in enumerate(entries) if entry.encoder and entry.encoder.bm25]
        fitted = {at: self._fitted(vectors, vocabulary, at) for at in places}
        if places:
            with file_errors("write to", scratch), closing(Spool(np.float32, scratch)) as values:
                for first in range(0, len(vectors), ROWS):
                    part = vectors.slice(first, min(first + ROWS, len(vectors)))
                    weights, fields = part.values.copy(), vocabulary.field_of[part.components]
                    for at, bm25 in fitted.items():
                        counts = restricted(part, fields == at, part.dimension)
                        weights[fields == at] = saturated(counts, bm25).values
                    values.append(weights)
                weighed = values.array()
            vectors = SparseVectors.trusted(vectors.indptr, vectors.components, weighed, vectors.dimension)
        for at, entry in enumerate(entries):
            entries[at] = self._recorded(entry, fitted.get(at))
        return Collection(vectors, collection.documents), JoinedVocabulary(vocabulary.tokens, entries)

    def _fitted(self, vectors: SparseVectors, vocabulary: JoinedVocabulary, at: int) -> Bm25:
        """Return a field's BM25 with the mean length of the documents that have it."""
        encoder = self._specs[at].entry.encoder
        assert encoder is not None
        assert encoder.bm25 is not None
        if at in self._lengths:
            return encoder.bm25.replace(average_length=self._lengths[at])
        total, documents = 0.0, 0
        for first in range(0, len(vectors), ROWS):
            part = vectors.slice(first, min(first + ROWS, len(vectors)))
            counts = restricted(part, vocabulary.field_of[part.components] == at, part.dimension)
            total += float(counts.values.sum(dtype=np.float64))
            documents += int(np.count_nonzero(np.diff(counts.indptr)))
        return encoder.bm25.replace(average_length=total / documents if documents else DEFAULT_AVERAGE)

    def _recorded(self, entry: FieldEntry, bm25: Bm25 | None) -> FieldEntry:
        if entry.encoder is None:
            return entry
        if bm25 is not None:
            fitted = load_encoder(BM25, bm25).entry.model_copy(update={"fields": entry.encoder.fields})
            return entry.model_copy(update={"encoder": fitted})
        beyond = self.texts.encoders[entry.name].cut
        counts = {"documents_cut": len(beyond), "pieces_cut": sum(beyond)}
        return entry.model_copy(update={"encoder": entry.encoder.model_copy(update=counts)})


def upsert_texts(rules: Rules, threads: int, report: Report) -> FieldTexts:
    """Return what makes joined vectors of documents for a collection with several fields."""
    vocabulary = rules.vocabulary
    assert isinstance(vocabulary, JoinedVocabulary)
    sources = []
    for entry in rules.fields:
        own, encoder = vocabulary.parts[entry.name].vocabulary, entry.encoder
        grows = not rules.strict and (encoder is None or encoder.bm25 is not None)
        words = Tokens(own.tokens.to_pylist(), growing=grows)
        encode: Any = None
        if encoder is not None and encoder.bm25 is not None and grows:
            encode = GrowingEncoder(encoder, words.__getitem__)
        elif encoder is not None:
            encode = load_recorded(encoder, own).encode_documents
        sources.append(FieldSource(entry, words, encode))
    return FieldTexts(sources, Tokens(vocabulary.tokens.to_pylist()), threads=threads, report=report)


def _count(count: TermFrequencies, texts: Sequence[str]) -> Encoded:
    return Encoded(count(texts), np.zeros(len(texts), np.int64))


def of_fields(
    query: Any, fields: Sequence[FieldEntry], names: Sequence[str], weights: Sequence[str], fusion: str = "sum"
) -> Any:
    """Return a query that searches these fields, all of them with the same text or vector; those with an encoder if
    none is named. Raises ParameterError."""
    given = parse_weights(weights)
    if not (names or given or fusion != "sum"):
        return query
    if not fields:
        raise ParameterError("--field, --weight, --fusion: this collection has no named fields")
    if query is None or not isinstance(query, Mapping) or not query.keys() <= {"text", "tokens", "indices", "values"}:
        raise ParameterError("--field, --weight, --fusion need a text, --tokens or --vector")
    chosen = names or [field.name for field in fields if field.encoder]
    return {"fields": dict.fromkeys(chosen, query), "weights": given, "fusion": fusion}


def field_texts(
    index: Index,
    names: Sequence[str] = (),
    weights: Sequence[str] = (),
    report: Report | None = None,
    other: Any = None,
) -> Texts:
    """Return what encodes queries for some fields of an index, weighed; for all with an encoder if none is named.

    Raises ParameterError if there is none, or if `other` encoders are asked for.
    """
    if other is not None:
        raise ParameterError(f"found {other}, but fields have encoders of their own; choose fields by --field")
    if len(index.fields) < 2:
        raise ParameterError(f"--field, --weight: expected several fields, found {named(index.fields)}")
    if not any(field.encoder for field in index.fields):
        raise ParameterError(f"none of the fields {named(index.fields)} has an encoder for the texts of queries")

    def encode(texts: Sequence[str]) -> Encoded:
        queries = [of_fields({"text": text}, index.fields, names, weights) for text in texts]
        return Encoded(resolve_batch(index.view, queries), np.zeros(len(texts), np.int64))

    return Texts(encode, always=True, report=report)
