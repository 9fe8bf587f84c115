"""Verify a collection: everything that opening it, or reading it later, would refuse."""

from pathlib import Path

from seismic.conversion.numbers import as_path
from seismic.errors import CorruptIndexError, FormatError
from seismic.params import Verify, check_verify
from seismic.store.collection import current_generation, generation_folder
from seismic.store.failures import file_errors
from seismic.store.log import LOG
from seismic.store.sections import Damage
from seismic.store.verify import Verification, verify_files
from seismic.view.view import open_view


def verify(path: str | Path, *, generation: str | None = None, verify: Verify = "full") -> Verification:
    """Check a generation of the collection at `path` (by default the current one) and the log; report all damage.

    Always checks the presence and size of files and the invariants of their data; of the current generation, also
    whether the changes in the log fit it. `verify` selects the hashes to check: all (`full`), a random sample
    (`sample`), or `none`. Raises IndexNotFoundError or FormatError if there is nothing to check, and ParameterError.
    """
    check_verify(verify)
    collection = as_path(path)
    with file_errors("read", collection):
        current = current_generation(collection)
        found = verify_files(collection, generation or current, verify)
        if generation_folder(collection, current).name == found.generation:
            found.damages.extend(_refusal(collection, found.damages))
        return found


def _refusal(collection: Path, damages: list[Damage]) -> list[Damage]:
    """Return why the collection cannot be opened, unless a damage found before says so."""
    try:
        open_view(collection, tuned=False)
    except (CorruptIndexError, FormatError) as error:
        problem = str(error)
        if not any(damage.file in problem or damage.problem == problem for damage in damages):
            return [Damage(LOG, None, problem)]
    return []
