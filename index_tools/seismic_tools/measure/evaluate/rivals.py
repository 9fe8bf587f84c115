"""What other engines find and cost, from a results.json of `seismic bench`."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson

from seismic import InputError
from seismic_tools.measure.bench.fronts import Point, pareto_front

OURS = "ours"

Fronts = dict[int, dict[str, list[Point]]]
"""Depth -> engine -> its front, seconds per query."""


def read_fronts(path: Path) -> Fronts:
    """The fronts of every engine but this one, by its cheapest call; InputError if it is no such file."""
    try:
        results = orjson.loads(path.read_bytes())
        calls = {engine["name"]: next(iter(engine["calls"])) for engine in results["engines"]}
        points: dict[int, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
        for one in results["measured"]:
            engine = one["trial"]["engine"]
            if engine != OURS:
                points[one["trial"]["k"]][engine].append(_point(one, calls[engine]))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            f"{path}: expected results.json of `seismic bench` ({type(error).__name__}: {error})"
        ) from None
    return {
        k: {engine: pareto_front(found, lambda point: point) for engine, found in engines.items()}
        for k, engines in points.items()
    }


def _point(measured: dict[str, Any], call: str) -> Point:
    return Point(float(measured["recall"]), float(measured["timings"][call]["cpu"]))
