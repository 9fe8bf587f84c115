"""Explanations and facets of an answer as tables."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from seismic import Answer, Contribution, Explanation
from seismic.search.explain import Certificate, Term
from seismic.search.hits import field_parts
from seismic_tools.terminal.sanitize import sanitize

SHOWN = 8
"""Number of components shown per hit and for the query."""


def print_facets(answer: Answer) -> None:
    """Print the requested facets, if any."""
    for column, facets in (answer.facets or {}).items():
        table = _table(sanitize(column), ("matches", True))
        for facet in facets:
            table.add_row(sanitize(facet.value), f"{facet.count:,}")
        _print(table)


def print_explanation(answer: Answer) -> None:
    """Print the parts of every score and how the hits were found, if requested."""
    explanation = answer.explanation
    if explanation is None:
        return
    for hit in answer.hits:
        print_contributions(hit.id, hit.explanation or ())
    facts = _table("search", ("", False))
    for name, fact in _facts(explanation):
        facts.add_row(name, fact)
    _print(facts)


def print_contributions(id: str | int, parts: Sequence[Contribution]) -> None:
    """Print what each component adds to a document's score."""
    table = _table(sanitize(id), ("weight", True), ("value", True), ("adds", True))
    for part in parts[:SHOWN]:
        table.add_row(_name(part), f"{part.weight:.4f}", f"{part.value:.4f}", f"{part.product:.4f}")
    _add_rest(table, parts)
    for field, added in field_parts(parts).items():
        table.add_row(f"field {sanitize(field)}", "", "", f"{added:.4f}")
    table.add_row("inner product", "", "", f"{sum(part.product for part in parts):.4f}")
    _print(table)


def _facts(explanation: Explanation) -> list[tuple[str, str]]:
    stats = explanation.stats
    terms = [f"{_name(term)} {term.weight:.3f}" for term in explanation.terms[:SHOWN]]
    shards = [f"{shard.allowed:,} of {shard.documents:,} by {shard.method}" for shard in explanation.shards]
    facts = [
        ("why this plan", explanation.why),
        ("query", ", ".join(terms) + _more(len(explanation.terms))),
        ("shards", ", ".join(shards)),
        ("matching the filter", f"{explanation.selectivity:.2%} of all documents"),
        ("lists", f"{stats.lists:,} visited, {explanation.lists_cut:,} cut"),
        (
            "blocks",
            f"{stats.blocks:,} estimated, {stats.blocks_visited:,} visited, {stats.blocks_skipped:,} skipped",
        ),
        ("documents", f"{stats.documents_scored:,} scored"),
    ]
    if explanation.threshold is not None:
        facts.append(("threshold", f"{explanation.threshold:.4f}, the score of the last hit"))
    if explanation.reachable is not None:
        facts.append(("blocks above it", f"{explanation.reachable:,}"))
    if explanation.best_skipped is not None:
        facts.append(("best bound below it", f"{explanation.best_skipped:.4f}"))
    if explanation.certificate is not None:
        facts.append(("certificate", _certified(explanation.certificate)))
    return facts


def _certified(certificate: Certificate) -> str:
    """Return the comparison of the k-th score with the best bound that was not visited."""
    sign = ">=" if certificate.kth >= certificate.bound else "<"
    return (
        f"{certificate.kth:.4f}, the score needed, {sign} {certificate.bound:.4f}, the best bound of the "
        f"{certificate.blocks_skipped:,} blocks skipped"
    )


def _name(part: Contribution | Term) -> str:
    name = sanitize(part.component if part.token is None else part.token)
    return name if part.field is None else f"{sanitize(part.field)}: {name}"


def _more(count: int) -> str:
    return f", and {count - SHOWN:,} more" if count > SHOWN else ""


def _add_rest(table: Table, parts: Sequence[Contribution]) -> None:
    rest = parts[SHOWN:]
    if rest:
        table.add_row(f"{len(rest)} more", "", "", f"{sum(part.product for part in rest):.4f}")


def _table(first: str, *others: tuple[str, bool]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for name, right in others:
        table.add_column(name, justify="right" if right else "left")
    return table


def _print(table: Table) -> None:
    console = Console(markup=False, emoji=False, highlight=False)  # texts may contain markup
    console.print()
    console.print(table)
