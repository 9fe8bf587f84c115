"""Queries from files: the same formats as documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from seismic import Index, InputError, ParameterError, SparseVectors, Vocabulary, load_encoder
from seismic_tools.readers import Reading, Texts, Tokens, check_unique, read_collection
from seismic_tools.terminal.progress import Report


class Queries(NamedTuple):
    """Ids, as text, and vectors of queries."""

    ids: list[str]
    vectors: SparseVectors

    def take(self, rows: Sequence[int]) -> "Queries":
        """Those in these rows, in their order."""
        return Queries(
            [self.ids[row] for row in rows],
            SparseVectors.concatenate([self.vectors.slice(row, row + 1) for row in rows]),
        )


def query_texts(index: Index, encoder: str | None = None, report: Report | None = None) -> Texts | None:
    """What makes vectors of queries that have none: the collection's encoder, or None. With `encoder`, of all queries:
    an encoder of the same vocabulary, or `idf`, the document frequencies of the collection."""
    if encoder is None:
        if index.manifest.encoder is None:
            return None
        return Texts(lambda texts: index.encoder.encode_queries(texts), report=report)  # loaded if texts come
    chosen = index.encoder.by_idf(index.view.idf) if encoder == "idf" else load_encoder(encoder)
    if index.vocabulary is None or not chosen.vocabulary.tokens.equals(index.vocabulary.tokens):
        raise InputError(f"encoder '{encoder}' has another vocabulary than collection '{index.name}'")
    return Texts(chosen.encode_queries, always=True, report=report)


def read_queries(
    path: Path, vocabulary: Vocabulary | None = None, where: Sequence[str] = (), texts: Texts | None = None
) -> Queries:
    """The queries of a file or folder whose columns have the values that `where` asks for ("split=test").

    Tokens are those of `vocabulary`; tokens beyond it get components beyond it, which match nothing. `texts` makes
    vectors of queries that have none. Raises InputError, VectorError with file, row and field, and ParameterError for a
    wrong `where`.
    """
    tokens = Tokens(vocabulary.tokens.to_pylist() if vocabulary else ())
    batches = list(read_collection([path], Reading(tokens, texts=texts)))
    if any(batch.by_token for batch in batches) and vocabulary is None:
        raise InputError(f"{path} has queries of tokens, but the index has no vocabulary; build it with one")
    table = pa.concat_tables([batch.documents for batch in batches], promote_options="permissive")
    check_unique(table["id"], [batch.rows for batch in batches])
    vectors = SparseVectors.concatenate([batch.vectors for batch in batches])
    rows = list(range(len(vectors)))
    for condition in where:
        wanted = _matches(table, condition)
        rows = [row for row in rows if wanted[row]]
        if not rows:
            raise InputError(f"{path}: no query with {' and '.join(where)}")
    return Queries([str(name) for name in table["id"].to_pylist()], vectors).take(rows)


def _matches(table: pa.Table, condition: str) -> list[bool | None]:
    """Row by row, whether "column=value" holds, comparing text."""
    name, separator, value = condition.partition("=")
    if not separator or name not in table.column_names:
        raise ParameterError(f"--where {condition}: expected column=value; columns are {', '.join(table.column_names)}")
    try:
        matches: list[bool | None] = pc.equal(table[name].cast(pa.string()), value).to_pylist()
    except pa.ArrowException:
        raise ParameterError(f"--where {condition}: cannot compare a column of {table[name].type}") from None
    return matches
