"""Join what several parts answer into what one index would."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.cluster.spec import PartSpec
from seismic.cluster.wire import Message
from seismic.search.explain import Inspection, ShardWork
from seismic.search.grouping import Ranked
from seismic.search.request import GroupBy

I64s = npt.NDArray[np.int64]


def join_values(answers: Sequence[Message], name: str) -> tuple[pa.Array, I64s, I64s]:
    """Return the distinct values of a facet over all parts, their ranks in ascending order, and their counts."""
    tables = [answer.tables[name]["value"].combine_chunks() for answer in answers if name in answer.tables]
    if not tables:
        return pa.nulls(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
    encoded = pa.concat_arrays(tables).dictionary_encode()
    values, codes = encoded.dictionary, encoded.indices.to_numpy()
    counts = np.concatenate([answer.arrays[name] for answer in answers if name in answer.tables])
    totals = np.zeros(len(values), np.int64)
    np.add.at(totals, codes, counts)
    sortable = values.cast(pa.uint8()) if pa.types.is_boolean(values.type) else values
    ranks = np.empty(len(values), np.int64)
    ranks[pc.sort_indices(sortable).to_numpy()] = np.arange(len(values))
    return values, ranks, totals


class JoinedGroups:
    """The groups of all parts. A group among the best of all is among the best of the part with its best hit."""

    def __init__(self, by: GroupBy) -> None:
        self._by = by
        self._hits: dict[pa.Scalar, Ranked] = {}
        self._known: dict[int, set[pa.Scalar]] = {}
        self._best: list[pa.Scalar] = []

    def start(self, answers: Mapping[int, Message]) -> None:
        """Add the best groups of each part."""
        for at, answer in answers.items():
            values = list(answer.tables["values"]["value"]) if "values" in answer.tables else []
            self.add(values, answer)
            if len(values) == self._by.limit:  # otherwise the part has no other group
                self._known[at] = set(values)
        ranked = sorted((min(map(_place, hits)), value_at) for value_at, hits in enumerate(self._hits.values()))
        values = list(self._hits)
        self._best = [values[at] for _, at in ranked[: self._by.limit]]

    def add(self, values: Iterable[pa.Scalar], answer: Message) -> None:
        """Add the hits of groups that a part answered, in the order of `values`."""
        numbers, scores = answer.arrays["numbers"].tolist(), answer.arrays["scores"].tolist()
        first = 0
        for value, size in zip(values, answer.head["sizes"], strict=True):
            part = slice(first, first + size)
            self._hits.setdefault(value, []).extend(zip(numbers[part], scores[part], strict=True))
            first += size

    def missing(self) -> dict[int, list[pa.Scalar]]:
        """Return, for each part, the groups of the result that it did not name but may have hits of."""
        wanted = {at: [one for one in self._best if one not in known] for at, known in self._known.items()}
        return {at: values for at, values in wanted.items() if values}

    def best(self) -> list[tuple[pa.Scalar, Ranked]]:
        """Return the best groups, and the best hits of each."""
        return [(value, sorted(self._hits[value], key=_place)[: self._by.size]) for value in self._best]


def join_groups(answers: Mapping[int, Message], by: GroupBy) -> JoinedGroups:
    """Return the joined groups of the parts' best groups."""
    joined = JoinedGroups(by)
    joined.start(answers)
    return joined


def _place(hit: tuple[int, float]) -> tuple[float, int]:
    return -hit[1], hit[0]


def join_inspections(answers: Mapping[int, Message], specs: Sequence[PartSpec]) -> Inspection:
    """Return what all shards say, in the order of their documents: those of the generation, then those of changes."""
    ordered = [answers[at].head for at in sorted(answers, key=lambda at: specs[at].number or len(specs))]
    works = [ShardWork(*work) for which in ("base", "deltas") for head in ordered for work in head[which]]
    reaches = [(blocks, bound) for head in ordered for blocks, bound in head["reaches"]]
    list_blocks = [sum(counts) for counts in zip(*(head["list_blocks"] for head in ordered), strict=True)]
    return Inspection(tuple(works), reaches, sum(head["blocks"] for head in ordered), list_blocks)
