"""Model of a collection in dictionaries: generations, and the list of all changes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import seismic
from tests.naive import Row

Documents: TypeAlias = dict[str, Row]
"""id -> vector, in the order in which documents were last written."""

Change: TypeAlias = Documents | list[str]
"""Upserted documents, or deleted ids."""


@dataclass
class Model:
    """One collection. A generation has documents and the number of changes that it contains or that are void for it;
    later changes apply to it, whichever generation was served when they were made."""

    path: Path
    generations: dict[str, tuple[Documents, int]] = field(default_factory=dict)
    current: str = ""
    changes: list[Change] = field(default_factory=list)

    @property
    def documents(self) -> Documents:
        """Return the current documents."""
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
        """Return the generations before the served one."""
        return [name for name in sorted(self.generations) if name < self.current]

    def look(self, published: Documents) -> set[str]:
        """Read the generations and the served one from disk. New ones, which are returned, hold `published`."""
        known, here = self.generations, seismic.generations(self.path)
        new = (published, len(self.changes))
        self.generations = {one.generation: known.get(one.generation, new) for one in here}
        [self.current] = [one.generation for one in here if one.current]
        return self.generations.keys() - known.keys()
