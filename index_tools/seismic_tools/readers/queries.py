"""Read queries from files: the formats of documents, and pre-tokenised topics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from seismic import Index, InputError, ParameterError, SparseVectors, Vocabulary, load_encoder
from seismic_tools.readers import Reading, Texts, Tokens, check_unique, read_collection
from seismic_tools.readers.topics import check_plain, encode_topics
from seismic_tools.terminal.progress import Report

Topics = Literal["text", "tokens"]
"""How to read the texts of queries: encode them, or take every word as a token."""


class Queries(NamedTuple):
    """Ids, as text, and vectors of queries."""

    ids: list[str]
    vectors: SparseVectors

    def take(self, rows: Sequence[int]) -> "Queries":
        """Return the queries of `rows`, in that order."""
        return Queries(
            [self.ids[row] for row in rows],
            SparseVectors.concatenate([self.vectors.slice(row, row + 1) for row in rows]),
        )


def query_texts(
    index: Index, encoder: str | None = None, report: Report | None = None, topics: Topics | None = None
) -> Texts | None:
    """Return the encoder of queries without vectors: that of the collection, or None if it has none.

    With `encoder`, all queries are encoded by it: an encoder with the same vocabulary, or `idf` for the document
    frequencies of the collection. `topics` "tokens" reads texts as tokens of the vocabulary; None refuses texts that
    look like that.
    """
    if topics == "tokens":
        if encoder is not None:
            raise ParameterError("--topics tokens reads tokens and cannot be combined with --query-encoder")
        return Texts(encode_topics(_known_vocabulary(index)), report=report)
    check = None if topics == "text" else check_plain
    if encoder is None:
        if index.manifest.encoder is None:
            return None
        lexical = index.manifest.encoder.bm25 is not None  # vectors that come with texts are of another encoder
        encode = lambda texts: index.encoder.encode_queries(texts)  # noqa: E731 (loads late)
        return Texts(encode, preferred=lexical, report=report, check=check)
    chosen = index.encoder.by_idf(index.view.idf) if encoder == "idf" else load_encoder(encoder)
    if index.vocabulary is None or not chosen.vocabulary.tokens.equals(index.vocabulary.tokens):
        raise InputError(f"encoder '{encoder}' has another vocabulary than collection '{index.name}'")
    return Texts(chosen.encode_queries, always=True, report=report, check=check)


def _known_vocabulary(index: Index) -> Vocabulary:
    if index.vocabulary is None:
        raise ParameterError(f"--topics tokens needs a vocabulary, and collection '{index.name}' has none")
    return index.vocabulary


def read_queries(
    path: Path,
    vocabulary: Vocabulary | None = None,
    where: Sequence[str] = (),
    texts: Texts | None = None,
    id_field: str | None = None,
) -> Queries:
    """Read the queries of a file or folder whose columns have the values in `where` ("split=test").

    Tokens are those of `vocabulary`; other tokens get components beyond it, which match nothing. `texts` encodes
    queries without vectors. Raises InputError, VectorError with file, row and field, and ParameterError for a wrong
    `where`.
    """
    tokens = Tokens(vocabulary.tokens.to_pylist() if vocabulary else ())
    batches = list(read_collection([path], Reading(tokens, texts=texts, id_field=id_field), role="queries"))
    if any(batch.by_token for batch in batches) and vocabulary is None:
        raise InputError(f"{path} has queries of tokens, but the index has no vocabulary; build it with one")
    table = _table([batch.documents if where else batch.documents.select(["id"]) for batch in batches], path)
    check_unique(table["id"], [batch.rows for batch in batches])
    vectors = SparseVectors.concatenate([batch.vectors for batch in batches])
    rows = list(range(len(vectors)))
    for condition in where:
        wanted = _matches(table, condition)
        rows = [row for row in rows if wanted[row]]
        if not rows:
            raise InputError(f"{path}: no query with {' and '.join(where)}")
    return Queries([str(name) for name in table["id"].to_pylist()], vectors).take(rows)


def _table(tables: Sequence[pa.Table], path: Path) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise InputError(f"{path}: columns have types that cannot be combined: {error}") from None


def _matches(table: pa.Table, condition: str) -> list[bool | None]:
    """Return per row whether "column=value" holds, comparing text."""
    name, separator, value = condition.partition("=")
    if not separator or name not in table.column_names:
        raise ParameterError(f"--where {condition}: expected column=value; columns are {', '.join(table.column_names)}")
    try:
        matches: list[bool | None] = pc.equal(table[name].cast(pa.string()), value).to_pylist()
    except pa.ArrowException:
        raise ParameterError(f"--where {condition}: cannot compare a column of {table[name].type}") from None
    return matches
