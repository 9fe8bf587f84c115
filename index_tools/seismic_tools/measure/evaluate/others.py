"""What `evaluate` judges beside a collection: runs of files, another collection, its fields, and fusions of them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from ir_measures import Qrel, ScoredDoc

from seismic import Index, ParameterError
from seismic.fields.joined import JoinedVocabulary
from seismic.vectors import restricted
from seismic_tools.measure.evaluate.comparing import Comparison, System, compare, of_fusion, of_run
from seismic_tools.measure.evaluate.fusing import Fuse, parse_fuse
from seismic_tools.measure.evaluate.trial import Trial
from seismic_tools.readers.trec import read_trec


class Others(NamedTuple):
    """``runs``: hits by query, of each run by its name; ``fusions``, of the ``depth`` best hits of each."""

    runs: dict[str, dict[str, list[ScoredDoc]]]
    fusions: list[Fuse]
    depth: int

    def gathered(self, exact: Trial, beside: Trial | None) -> "Gathered | None":
        """Return what there is to judge beside the collection, None if nothing is.

        Raises InputError if a run has none of the queries, ParameterError for weights that do not fit and for names
        that are not distinct.
        """
        if not (self.runs or self.fusions or beside):
            return None
        whole, fields = System(exact.index.name, exact.run), _of_fields(exact) if self.fusions else []
        others = []
        if beside:
            name = beside.index.name
            others.append(System(f"{name} (beside)" if name == whole.name else name, beside.run))
        others += [of_run(name, hits, exact.queries.ids, exact.ignore_same_id) for name, hits in self.runs.items()]
        parts = [*(fields or [whole]), *others]
        if self.fusions and len(parts) == 1:
            raise ParameterError("--fuse needs something to fuse with: --run, --beside, or several fields")
        columns = [whole, *fields, *others]
        names = [*(system.name for system in columns), *(one.name for one in self.fusions)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ParameterError(f"found the name {twice[0]!r} twice among {', '.join(names)}; rename a file or folder")
        for one in self.fusions:
            one.check([part.name for part in parts])
        return Gathered(self, exact, columns, parts, {"beside": beside} if beside else {})


class Gathered(NamedTuple):
    """The systems to judge in their order, and the ``parts`` of a fusion."""

    others: Others
    exact: Trial
    columns: list[System]
    parts: list[System]
    written: dict[str, Trial]

    def compare(self, qrels: Sequence[Qrel], measures: Sequence[Any]) -> Comparison:
        """Judge all systems and fusions."""
        numbers_of, ids = partial(_numbers, self.exact.index), self.exact.queries.ids
        fused = [of_fusion(one, self.parts, ids, self.others.depth, numbers_of) for one in self.others.fusions]
        written = {name.replace(":", "-").replace(",", "-"): run for name, run in fused}
        written |= {name: trial.run for name, trial in self.written.items()}
        return compare(qrels, [*self.columns, *fused], written, measures)


def read_others(runs: Sequence[Path], fusions: Sequence[str], depth: int) -> Others:
    """Read the runs and the ways to fuse. Raises InputError for a wrong run, ParameterError for a wrong option."""
    wanted, names = [parse_fuse(text) for text in fusions], [path.stem for path in runs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ParameterError(f"--run: found the name {twice[0]!r} twice; rename a file")
    return Others(dict(zip(names, map(read_trec, runs), strict=True)), wanted, depth)


def _of_fields(trial: Trial) -> list[System]:
    """Return the parts of the queries that search one field each; none unless there are several."""
    vocabulary, vectors = trial.index.vocabulary, trial.queries.vectors
    if not isinstance(vocabulary, JoinedVocabulary):
        return []
    systems, known = [], vectors.components < len(vocabulary)
    places = vocabulary.field_of[np.where(known, vectors.components, 0)]
    for at, field in enumerate(trial.index.fields):
        part = restricted(vectors, known & (places == at), vectors.dimension)
        if part.nnz:
            queries = trial.queries._replace(vectors=part)
            systems.append(System(field.name, Trial(trial.index, queries, trial.params, trial.ignore_same_id).run))
    return systems if len(systems) > 1 else []


def _numbers(index: Index, ids: Sequence[str]) -> dict[str, int]:
    """Return the document numbers of ids as text, without those that the collection lacks."""
    wanted: dict[str, Any] = {name: name for name in ids}
    if pa.types.is_integer(index.view.rules.schema.field("id").type):
        wanted = {name: int(name) for name in ids if name.removeprefix("-").isdecimal()}
    found = index.find(list(wanted.values())).tolist() if wanted else []
    return {name: number for name, number in zip(wanted, found, strict=True) if number >= 0}
