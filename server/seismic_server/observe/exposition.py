"""Metrics of several processes together: as JSON between processes, and as text for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

Families: TypeAlias = list[list[Any]]
"""Families of metrics: [name, help, type, samples], where a sample is [name, labels, value]."""

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

SUPERVISOR = "supervisor"
"""The process that is none of the server processes, in the label `process` and in logs."""

_COUNTING = frozenset({"counter", "histogram", "summary"})


def families_of(registry: CollectorRegistry) -> Families:
    """Return the present values of all metrics."""
    return [
        [one.name, one.documentation, one.type, [[sample.name, sample.labels, sample.value] for sample in one.samples]]
        for one in registry.collect()
    ]


class Totals:
    """What the processes in each place have counted since the service started, so that a restart resets nothing."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], dict[Key, float]] = {}  # by place and family
        self._last: dict[str, Families] = {}

    def add(self, place: str, found: Families) -> None:
        """Replace the values of the process in a place by its present ones."""
        self._last[place] = [
            [name, help, kind, _raised(samples, self._before.get((place, name), {}))]
            for name, help, kind, samples in found
        ]

    def end(self, place: str) -> None:
        """Keep what the process in a place has counted, and drop its other values: it has ended."""
        self._last[place] = [family for family in self._last.get(place, []) if family[2] in _COUNTING]
        for name, _, _, samples in self._last[place]:
            self._before[place, name] = {_key(sample, labels): value for sample, labels, value in samples}

    def all(self) -> list[tuple[str, Families]]:
        """Return the values of every place, in order."""
        return sorted(self._last.items())


def exposition(parts: Iterable[tuple[str, Families]]) -> bytes:
    """Return metrics as text, each with the label `process`."""
    return generate_latest(_Joined(parts))


class _Joined(Collector):
    def __init__(self, parts: Iterable[tuple[str, Families]]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        joined: dict[str, Metric] = {}
        for process, families in self._parts:
            for name, help, kind, samples in families:
                metric = joined.setdefault(name, Metric(name, help, kind))
                for sample, labels, value in samples:
                    metric.add_sample(sample, {"process": process, **labels}, value)
        yield from joined.values()


def _raised(samples: list[list[Any]], before: Mapping[Key, float]) -> list[list[Any]]:
    """Return samples together with what was counted before, also of labels that have not been seen since."""
    now = {_key(name, labels): value for name, labels, value in samples}
    return [
        [
            key[0],
            dict(key[1]),
            before[key] if _is_time(key) and key in before else now.get(key, 0.0) + before.get(key, 0.0),
        ]
        for key in dict.fromkeys([*now, *before])
    ]


def _is_time(key: Key) -> bool:
    """Return whether a sample is the time at which counting began."""
    return key[0].endswith("_created")


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(labels.items())
