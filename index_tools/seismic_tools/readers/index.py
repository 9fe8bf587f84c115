"""Read an index as input, with all of its changes."""

from collections.abc import Iterator
from pathlib import Path

import seismic
from seismic import InputError
from seismic.export.tables import read_tables
from seismic.fields.entry import named
from seismic_tools.readers.arrow import read_batches
from seismic_tools.readers.batch import Batch, Reading
from seismic_tools.readers.fields import FieldTexts


def read_index(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the documents of a collection that are not deleted. Its tokens, if any, are numbered as it does."""
    with seismic.open(path) as index:
        if len(index.fields) > 1 and not isinstance(reading.texts, FieldTexts):
            found = f"found the fields {named(index.fields)}, expected a single vector"
            raise InputError(f"{path}: {found}; build with a --field for each, or convert it to .parquet or .jsonl")
        if index.vocabulary is None:
            width = index.dimension if reading.dimension is None else reading.dimension
            selection, reading = index.select(), reading._replace(dimension=width)
        else:
            selection = index.select(with_vectors="tokens")
            for token in index.vocabulary.tokens.to_pylist() if reading.tokens.growing else ():
                _ = reading.tokens[token]  # numbers it
        batches = (batch for table in read_tables(selection) for batch in table.to_batches())
        yield from read_batches(path, reading, batches, lambda rows: rows / len(index))
