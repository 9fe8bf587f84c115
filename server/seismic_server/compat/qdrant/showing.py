"""Points as answers show them: ids, and the payloads and vectors that a request asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seismic import Index
from seismic.stop import current
from seismic_server.compat.payload import payloads_of
from seismic_server.compat.qdrant.ids import shown
from seismic_server.compat.qdrant.keys import excluded, included, tree_of
from seismic_server.compat.qdrant.read_bodies import Selector, Shown
from seismic_server.compat.qdrant.vectors import check_using, names_of, shown_vectors
from seismic_server.conversion.answers import write_list
from seismic_server.conversion.body import Body


def write_points(
    body: Body, index: Index, numbers: Sequence[int], asked: Shown, more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write documents by number as a list of points. `more`: what else to say of each."""
    choose, names = _payload_choice(asked.with_payload), _vector_names(index, asked.with_vector)
    current().check()
    ids = index.document_ids(numbers)

    def part(chosen: slice) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = [{"id": shown(id)} for id in ids[chosen]]
        for point, extra in zip(points, more[chosen], strict=False):
            point.update(extra)
        if choose is not None:
            for point, payload in zip(points, payloads_of(index.view, numbers[chosen]), strict=True):
                point["payload"] = choose(payload)
        if names:
            for point, vectors in zip(points, shown_vectors(index, numbers[chosen], names), strict=True):
                point["vector"] = vectors
        return points

    write_list(body, len(numbers), part)


def _payload_choice(asked: bool | list[str] | Selector) -> Callable[[Any], Any] | None:
    """Return what makes the payload to show of a whole one; None to show none. Raises InputError."""
    if asked is False:
        return None
    if asked is True:
        return lambda payload: payload
    chosen = asked.include if isinstance(asked, Selector) else asked
    if chosen is not None:
        tree = tree_of(chosen)
        return lambda payload: included(payload, tree)
    assert isinstance(asked, Selector)
    without = tree_of(asked.exclude or [])
    return lambda payload: excluded(payload, without)


def _vector_names(index: Index, asked: bool | list[str]) -> list[str]:
    if isinstance(asked, bool):
        return names_of(index.view) if asked else []
    return [check_using(name, index.view, "with_vector") for name in asked]
