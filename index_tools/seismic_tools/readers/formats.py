"""Formats of documents and queries: endings of file names and their readers."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from seismic import InputError
from seismic.store.collection import is_collection
from seismic_tools.readers.arrow import read_ipc, read_parquet
from seismic_tools.readers.batch import Batch, Reading
from seismic_tools.readers.ciff import read_ciff
from seismic_tools.readers.csr import read_csr
from seismic_tools.readers.folder import read_folder, read_plain_file
from seismic_tools.readers.index import read_index
from seismic_tools.readers.inner import read_inner
from seismic_tools.readers.jsonl import is_array, read_jsonl
from seismic_tools.readers.npz import read_npz
from seismic_tools.readers.tsv import read_tsv

Reader = Callable[[Path, Reading], Iterator[Batch]]

_read_gzip, _read_zstd = (partial(read_jsonl, compression=name) for name in ("gzip", "zstd"))


def read_json_file(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the batches of JSON lines, or of a JSON array of texts."""
    return (read_plain_file if is_array(path) else read_jsonl)(path, reading)


READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".arrow": read_ipc,
    ".feather": read_ipc,
    ".jsonl": read_jsonl,
    ".jsonl.gz": _read_gzip,
    ".jsonl.zst": _read_zstd,
    ".ndjson": read_jsonl,
    ".ndjson.gz": _read_gzip,
    ".ndjson.zst": _read_zstd,
    ".json": read_json_file,
    ".json.gz": _read_gzip,
    ".tsv": read_tsv,
    ".tsv.gz": partial(read_tsv, compression="gzip"),
    ".csr": read_csr,
    ".csr.gz": partial(read_csr, compression="gzip"),
    ".npz": read_npz,
    ".bin": read_inner,
    ".ciff": read_ciff,
    ".ciff.gz": partial(read_ciff, compression="gzip"),
    **dict.fromkeys((".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".csv"), read_plain_file),
}
"""Ending of a file name, in lower case -> its reader."""

LAST_RESORT = (".json", ".json.gz", ".tsv", ".tsv.gz", ".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".csv")
"""Endings read from a folder only if it has no files with other endings, because many other files have them."""

VECTORS = (".parquet", ".arrow", ".feather", ".csr", ".csr.gz", ".npz", ".bin", ".ciff", ".ciff.gz")
"""Endings of files of vectors, whose folders hold no documents of other kinds."""

STANDARD_INPUT = Path("/dev/stdin")
"""Standard input, which holds JSON lines unless a command says otherwise."""

INPUTS = f"{', '.join(READERS)}, folders of them, an index, or - for JSON lines on standard input."
"""Help text for the inputs of commands."""


def ending_of(path: Path) -> str | None:
    """Return the supported ending of a file name, in lower case, or None."""
    if path == STANDARD_INPUT:
        return ".jsonl"
    name = path.name.lower()
    return next((ending for ending in READERS if name.endswith(ending)), None)


def reader_of(path: Path, ending: str | None = None) -> Reader:
    """Return the reader of a file; InputError if there is none."""
    if ending is None and is_collection(path):
        return read_index
    if ending is None and path.is_dir():
        return read_folder
    known = ending or ending_of(path)
    if known not in READERS:
        raise InputError(f"{path}: unsupported ending{f' {ending}' if ending else ''}; expected {endings()}")
    return READERS[known]


def endings() -> str:
    """Return the supported endings as a list for messages."""
    *some, last = READERS
    return f"{', '.join(some)} or {last}"
