"""Open a collection and make it ready to answer."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import orjson
import structlog

import seismic
from seismic import Encoder, EncoderError, Index
from seismic_server.settings import Settings

log = structlog.get_logger("server")


def open_collection(name: str, folder: Path, settings: Settings, ending: Callable[[], bool] = bool) -> Index:
    """Open the collection in a folder under a name, here or through its nodes. Raises StorageError.

    `ending` returns whether not to wait any longer for nodes that Ray places.
    """
    index = _through_nodes(name, folder, settings, ending)
    if index is None:
        index = seismic.open(folder, verify=settings.verify)
    index.name = name
    return index


def open_warm(name: str, folder: Path, settings: Settings, ending: Callable[[], bool] = bool) -> Index:
    """Open a collection that answers and takes changes at once. Raises StorageError."""
    index = open_collection(name, folder, settings, ending)
    warm_up(index)
    index.warm_up(changes=True)
    return index


def warm_up(index: Index) -> None:
    """Compile kernels and load the encoder, so that no request waits for either.

    A collection whose encoder cannot be loaded still answers queries by vector.
    """
    index.warm_up()
    if index.has_shards:
        no_hits, room = np.array([-1]), np.empty(64, np.uint8)
        index.view.documents.json_rows([], orjson.dumps).write(no_hits, b"[]", room)
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


def _through_nodes(name: str, folder: Path, settings: Settings, ending: Callable[[], bool]) -> Index | None:
    """Open a collection through nodes on Ray, or those that the nodes file names; None if it names none.

    Raises StorageError if Ray has not placed them in time.
    """
    if settings.nodes is None:
        return None
    cluster = import_module("seismic.cluster.topology")  # loaded only where it is used
    if settings.ray is not None:
        import_module("seismic.cluster.placed").wait_for(settings.nodes.parent, name, folder, ending)
    elif name not in cluster.read_topology(settings.nodes).collections:
        return None
    options = {"name": name, "partial": settings.partial, "verify": settings.verify}
    index: Index = cluster.open_cluster(folder, settings.nodes, **options)
    return index
