"""Open a collection and make it ready to answer."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

import seismic
from seismic import Encoder, EncoderError, Index
from seismic.params import Verify

log = structlog.get_logger("server")


def open_collection(name: str, folder: Path, verify: Verify) -> Index:
    """Open the collection in a folder under a name. Raises StorageError."""
    index = seismic.open(folder, verify=verify)
    index.name = name
    return index


def open_warm(name: str, folder: Path, verify: Verify) -> Index:
    """Open a collection that answers and takes changes at once. Raises StorageError."""
    index = open_collection(name, folder, verify)
    warm_up(index)
    index.warm_up(changes=True)
    return index


def warm_up(index: Index) -> None:
    """Compile kernels and load the encoder, so that no request waits for either.

    A collection whose encoder cannot be loaded still answers queries by vector.
    """
    index.warm_up()
    for field in index.fields if len(index.fields) > 1 else ():
        if field.encoder:
            _load(index, partial(index.view.field_encoder, field))
    if index.manifest.encoder:
        _load(index, lambda: index.encoder)


def _load(index: Index, encoder: Callable[[], Encoder]) -> None:
    try:
        encoder().encode_queries(["warm up"])
    except EncoderError as error:
        log.warning("encoder cannot be loaded; texts are refused", collection=index.name, reason=str(error))
