"""`seismic warmup`: compile all kernels."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

import seismic
from seismic import BuildParams, SparseVectors
from seismic.kernels.jit import CACHE_FOLDER, CACHING
from seismic.layouts import LAYOUTS
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)

DOCUMENTS = 200
"""Documents of the collections that are built: enough for all steps of a build."""


@app.command()
def warmup() -> None:
    """Compile all search kernels, once per machine.

    The first build or search on a machine compiles the kernels it needs, which
    takes about a minute. Run this beforehand, for example when an image is
    built. Set SEISMIC_CACHE_DIR to choose the folder of the compiled kernels.

    Examples:

        seismic warmup

        SEISMIC_CACHE_DIR=/opt/seismic seismic warmup
    """
    began = time.perf_counter()
    rows = [{row % 3: 1.0, 3 + row % 5: 0.5, 8 + row % 7: 0.25} for row in range(DOCUMENTS)]
    vectors = SparseVectors.from_dicts(rows)
    documents = {"id": [f"document {row}" for row in range(DOCUMENTS)]}
    with progress() as report, TemporaryDirectory(prefix="seismic-warmup-") as inner:
        for done, layout in enumerate(LAYOUTS):
            report("warmup", done, len(LAYOUTS))
            folder = Path(inner, layout)
            seismic.build(vectors, folder, documents=documents, params=BuildParams(layout=layout))
            seismic.delete(folder, documents["id"][:1])
            with seismic.open(folder) as index:
                index.warm_up(changes=True)
                index.search_batch(vectors.slice(0, 2), 10)
        report("warmup", len(LAYOUTS), len(LAYOUTS))
    where = f"in {CACHE_FOLDER}" if CACHING else "in this process only: the cache folder is not writable"
    typer.echo(f"kernels are compiled {where}, {time.perf_counter() - began:.1f} s")
