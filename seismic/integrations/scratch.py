"""Collections that exist as long as their index."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from seismic.builder.build import build
from seismic.index import Index, open_index


def build_scratch(vectors: Any, **options: Any) -> Index:
    """Build a collection in a temporary folder, which is removed with the index. `options`: those of `build`."""
    folder = tempfile.mkdtemp(prefix="seismic-scratch-")
    try:
        build(vectors, Path(folder, "corpus"), **options)
        index = open_index(Path(folder, "corpus"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(index, shutil.rmtree, folder, ignore_errors=True)
    return index
