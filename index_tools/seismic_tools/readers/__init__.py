"""Read collections: files of documents with sparse vectors, as a stream of batches."""

from seismic_tools.readers.batch import Batch, Reading, Rows, Tokens, check_unique
from seismic_tools.readers.collection import BEGINNING, Start, read_collection
from seismic_tools.readers.files import find_files, find_named, given
from seismic_tools.readers.formats import INPUTS, READERS, ending_of, reader_of
from seismic_tools.readers.spool import Collection, collect, folder_for
from seismic_tools.readers.texts import TEXT, Texts, field_names
from seismic_tools.readers.times import kinds_of, with_times
from seismic_tools.readers.vocabulary import read_vocabulary

__all__ = [
    "BEGINNING",
    "INPUTS",
    "READERS",
    "TEXT",
    "Batch",
    "Collection",
    "Reading",
    "Rows",
    "Start",
    "Texts",
    "Tokens",
    "check_unique",
    "collect",
    "ending_of",
    "field_names",
    "find_files",
    "find_named",
    "folder_for",
    "given",
    "kinds_of",
    "read_collection",
    "read_vocabulary",
    "reader_of",
    "with_times",
]
