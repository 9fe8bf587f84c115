"""Compile every kernel of the service by using a small collection of each layout."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

import seismic
from seismic import BuildParams, SparseVectors
from seismic.kernels.jit import CACHE_FOLDER
from seismic.layouts import LAYOUTS

DOCUMENTS, COMPONENTS, DIMENSION = 500, 20, 30_522


def main() -> None:
    """Build, warm up, change and compact, which fills the kernel cache."""
    generator = np.random.default_rng(0)
    rows = [generator.choice(DIMENSION, COMPONENTS, replace=False).tolist() for _ in range(DOCUMENTS)]
    vectors = SparseVectors.from_dicts([dict.fromkeys(row, 1.0) for row in rows], DIMENSION)
    documents = pa.table({"id": [str(row) for row in range(DOCUMENTS)]})
    with TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            collection = Path(folder, layout)
            seismic.build(vectors, collection, documents=documents, params=BuildParams(layout=layout))
            with seismic.open(collection, verify="full") as index:
                index.warm_up(changes=True)
            seismic.delete(collection, ["0"])
            seismic.compact(collection)
    print(f"{sum(1 for _ in CACHE_FOLDER.rglob('*.nbc'))} compiled kernels in {CACHE_FOLDER}")


if __name__ == "__main__":
    main()
