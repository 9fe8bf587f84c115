"""What `evaluate` judges beside a collection: runs of files, another collection, and their fusions."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from ir_measures import Qrel, ScoredDoc

from seismic import Index, ParameterError
from seismic_tools.measure.evaluate.comparing import Comparison, System, compare, of_fusion, of_run
from seismic_tools.measure.evaluate.fusing import Fuse, parse_fuse
from seismic_tools.measure.evaluate.trial import Trial
from seismic_tools.readers.trec import read_trec


class Others(NamedTuple):
    """``names``: of the collection, of the one beside it if there is one, and of the runs, in the order of weights."""

    names: list[str]
    runs: list[dict[str, list[ScoredDoc]]]
    fusions: list[Fuse]
    depth: int

    @property
    def wanted(self) -> bool:
        """Whether there is anything to compare the collection with."""
        return len(self.names) > 1

    def compare(self, qrels: Sequence[Qrel], exact: Trial, beside: Trial | None, queries: Sequence[str]) -> Comparison:
        """Judge everything. Raises InputError if a run has none of the queries."""
        trials = [exact, *([beside] if beside else [])]
        systems = [System(name, trial.run) for name, trial in zip(self.names, trials, strict=False)]
        for name, hits in zip(self.names[len(trials) :], self.runs, strict=True):
            systems.append(of_run(name, hits, queries, exact.ignore_same_id))
        numbers_of = partial(_numbers, exact.index)
        fused = [of_fusion(wanted, systems, queries, self.depth, numbers_of) for wanted in self.fusions]
        written = {name.replace(":", "-").replace(",", "-"): run for name, run in fused}
        written |= {"beside": beside.run} if beside else {}
        return compare(qrels, [*systems, *fused], written)


def _numbers(index: Index, ids: Sequence[str]) -> dict[str, int]:
    """Return the document numbers of ids as text, without those that the collection lacks."""
    wanted: dict[str, Any] = {name: name for name in ids}
    if pa.types.is_integer(index.view.rules.schema.field("id").type):
        wanted = {name: int(name) for name in ids if name.removeprefix("-").isdecimal()}
    found = index.find(list(wanted.values())).tolist() if wanted else []
    return {name: number for name, number in zip(wanted, found, strict=True) if number >= 0}


def read_others(
    runs: Sequence[Path], fusions: Sequence[str], collection: str, beside: str | None, depth: int
) -> Others:
    """Read the runs and the ways to fuse. Raises InputError for a wrong run, ParameterError for options that do not
    fit together."""
    names = [collection]
    if beside is not None:
        names.append(beside if beside != collection else f"{beside} (beside)")
    names += [path.stem for path in runs]
    wanted = [parse_fuse(text) for text in fusions]
    if wanted and len(names) == 1:
        raise ParameterError("--fuse needs something to fuse with: --run or --beside")
    everything = [*names, *(one.name for one in wanted)]
    if twice := [name for name in everything if everything.count(name) > 1]:
        raise ParameterError(
            f"found the name {twice[0]!r} twice among {', '.join(everything)}; rename a file or folder"
        )
    for one in wanted:
        one.check(names)
    return Others(names, [read_trec(path) for path in runs], wanted, depth)
