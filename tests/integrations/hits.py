"""Compare the hits of other libraries with the engine's own."""

from collections.abc import Sequence

from tests.integrations.serving import Query

ROUNDING = 1e-3
"""Weights that arrive by the service are stored as those of a build: with 16 bits."""


def assert_same_top(found: Sequence[tuple[str, float]], query: Query) -> None:
    """Check that hits are the exact top 10 of a query: the same scores, and the same ids except among ties."""
    scores, wanted = [score for _, score in found], [score for _, score in query.top]
    assert len(scores) == len(wanted), query.id
    for score, other in zip(scores, wanted, strict=True):
        assert abs(score - other) <= ROUNDING * other, (query.id, scores, wanted)
    above = {id for id, score in query.top if score > wanted[-1] * (1 + 2 * ROUNDING)}
    assert above <= {id for id, _ in found}, (query.id, found, query.top)
