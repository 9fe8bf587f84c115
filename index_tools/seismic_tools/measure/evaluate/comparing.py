"""Judge several runs of the same queries, and compare each with the first, query by query."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from ir_measures import Qrel, ScoredDoc

from seismic import InputError
from seismic.store.failures import file_errors
from seismic_tools.measure.evaluate.fusing import Fuse, fuse
from seismic_tools.measure.evaluate.results import Compared
from seismic_tools.measure.metrics import MEASURES, values_by_query

SIGNS, BATCH = 20_000, 500
"""Random signs of the differences that the test draws, and those drawn at once."""


Run: TypeAlias = Callable[[int], Sequence[ScoredDoc]]


class System(NamedTuple):
    """What answers the queries: `run(k)` returns its k best hits of all queries, best first."""

    name: str
    run: Run


class Comparison(NamedTuple):
    """The systems compared, and ``values``: measure -> system -> query -> value; ``written``: those to write."""

    systems: list[Compared]
    values: dict[str, dict[str, dict[str, float]]]
    written: Mapping[str, Run]

    def runs(self, k: int) -> dict[str, Sequence[ScoredDoc]]:
        """Return the k best hits of the systems that come from no file, by name."""
        return {name: run(k) for name, run in self.written.items()}

    def write(self, path: Path) -> None:
        """Write the values of every query as lines of query, measure and a column per system, separated by tabs."""
        names = [system.name for system in self.systems]
        with file_errors("write", path), path.open("w", encoding="utf-8") as file:
            print("query", "measure", *names, sep="\t", file=file)
            for measure, systems in self.values.items():
                for query in systems[names[0]]:
                    print(query, measure, *(f"{systems[name][query]:.6f}" for name in names), sep="\t", file=file)


def of_run(name: str, hits: Mapping[str, Sequence[ScoredDoc]], queries: Sequence[str], ignore_same_id: bool) -> System:
    """Return the system that a run file holds, for these queries. Raises InputError if it has none of them."""
    if not any(query in hits for query in queries):
        found, expected = next(iter(hits)), queries[0]
        raise InputError(f"{name}: no hits for these queries; found query ids such as {found!r}, expected {expected!r}")
    kept = {
        query: [hit for hit in hits.get(query, ()) if not (ignore_same_id and hit.doc_id == query)] for query in queries
    }
    return System(name, lambda k: [hit for query in queries for hit in kept[query][:k]])


def of_fusion(
    wanted: Fuse,
    systems: Sequence[System],
    queries: Sequence[str],
    depth: int,
    numbers_of: Callable[[Sequence[str]], Mapping[str, int]],
) -> System:
    """Return the system that fuses the `depth` best hits of others for each query. `numbers_of`: document numbers of
    ids."""
    runs = [_by_query(system.run(depth)) for system in systems]
    numbers = numbers_of(list({hit.doc_id for run in runs for hits in run.values() for hit in hits}))
    fused = {query: fuse(wanted, [run.get(query, []) for run in runs], numbers) for query in queries}
    return System(wanted.name, lambda k: [hit for query in queries for hit in fused[query][:k]])


def compare(
    qrels: Sequence[Qrel], systems: Sequence[System], written: Mapping[str, Run], measures: Sequence[Any] = MEASURES
) -> Comparison:
    """Judge systems by the same judgements, and compare each with the first by a paired randomisation test."""
    values: dict[str, dict[str, dict[str, float]]] = {str(measure): {} for measure in measures}
    for system in systems:
        for measure, by_query in values_by_query(qrels, system.run, measures).items():
            values[measure][system.name] = by_query
    first, compared = systems[0].name, []
    for system in systems:
        means, chances = {}, {}
        for measure, by_system in values.items():
            ours = np.array(list(by_system[system.name].values()))
            means[measure] = float(ours.mean())
            if system.name != first:
                chances[measure] = chance_of(ours - np.array(list(by_system[first].values())))
        compared.append(Compared(system.name, means, chances))
    return Comparison(compared, values, written)


def chance_of(differences: npt.NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a paired randomisation test (Fisher; Smucker, Allan and Carterette, CIKM 2007):
    how often random signs of the differences give a mean at least as far from 0.

    The same differences give the same value.
    """
    random, observed, reached = np.random.default_rng(0), abs(float(differences.sum())), 0
    for _ in range(SIGNS // BATCH):
        signs = random.integers(0, 2, (BATCH, len(differences)), np.int8)
        sums = np.abs((2.0 * signs - 1.0) @ differences)
        reached += int((sums >= observed - 1e-12).sum())
    return (reached + 1) / (SIGNS + 1)


def _by_query(hits: Sequence[ScoredDoc]) -> dict[str, list[ScoredDoc]]:
    found: dict[str, list[ScoredDoc]] = {}
    for hit in hits:
        found.setdefault(hit.query_id, []).append(hit)
    return found
