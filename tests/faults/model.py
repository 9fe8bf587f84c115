"""What a collection is, in dictionaries: generations, and a list of all changes ever made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import seismic
from tests.naive import Row

Documents: TypeAlias = dict[str, Row]
"""id -> vector, in the order in which documents were last written."""

Change: TypeAlias = Documents | list[str]
"""Documents put in, or ids taken out."""


@dataclass
class Model:
    """One collection. A generation is its documents, and how many changes were made, or void, when it was published;
    those that follow count for it, be they made before or after others were published."""

    path: Path
    generations: dict[str, tuple[Documents, int]] = field(default_factory=dict)
    current: str = ""
    changes: list[Change] = field(default_factory=list)

    @property
    def documents(self) -> Documents:
        """What is served."""
        base, contained = self.generations[self.current]
        documents = dict(base)
        for change in self.changes[contained:]:
            for one in change:
                documents.pop(one, None)
            if isinstance(change, dict):
                documents |= change
        return documents

    @property
    def older(self) -> list[str]:
        """The generations before the one served."""
        return [name for name in sorted(self.generations) if name < self.current]

    def look(self, published: Documents) -> set[str]:
        """Look which generations there are, and is served; those that are new hold `published`. Returns these."""
        known, here = self.generations, seismic.generations(self.path)
        new = (published, len(self.changes))
        self.generations = {one.generation: known.get(one.generation, new) for one in here}
        [self.current] = [one.generation for one in here if one.current]
        return self.generations.keys() - known.keys()
