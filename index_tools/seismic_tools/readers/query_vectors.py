"""Read queries for a collection as vectors."""

from pathlib import Path

import seismic
from seismic import SparseVectors
from seismic_tools.readers.field_options import field_texts
from seismic_tools.readers.queries import Topics, query_texts, read_queries


def read_vectors(
    collection: Path, queries: Path, topics: Topics | None = None, id_field: str | None = None
) -> SparseVectors:
    """Return the vectors of the queries in a file, whose texts the collection's encoder encodes."""
    with seismic.open(collection) as index:
        texts = field_texts(index, other=topics) if len(index.fields) > 1 else query_texts(index, topics=topics)
        return read_queries(queries, index.vocabulary, texts=texts, id_field=id_field).vectors
