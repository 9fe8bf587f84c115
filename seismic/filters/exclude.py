"""Name the conditions of a filter that exclude a document."""

from collections.abc import Callable

from seismic.filters.bind import Columns, bind, equal_parts
from seismic.filters.language import Condition, Equals, Filter
from seismic.filters.predicates import Predicate


def excluded_by(
    wanted: Condition, columns: Columns, holds: Callable[[Predicate], bool], path: str = "filter"
) -> list[str]:
    """Return the paths of the conditions that a document fails; none if it matches.

    `holds` evaluates predicates on the document. An alternative of which nothing holds counts as one condition.
    """
    if isinstance(wanted, Equals):
        return [where for where, predicate in equal_parts(wanted, columns, path) if not holds(predicate)]
    if not isinstance(wanted, Filter):
        return [] if holds(bind(wanted, columns, path)) else [path]
    found = []
    for at, condition in enumerate(wanted.must):
        found += excluded_by(condition, columns, holds, f"{path}.must[{at}]")
    should = [bind(condition, columns, f"{path}.should[{at}]") for at, condition in enumerate(wanted.should)]
    if should and not any(map(holds, should)):
        found.append(f"{path}.should")
    for at, condition in enumerate(wanted.must_not):
        if holds(bind(condition, columns, f"{path}.must_not[{at}]")):
            found.append(f"{path}.must_not[{at}]")
    return found
