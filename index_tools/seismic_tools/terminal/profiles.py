"""Tuning profiles as a table, for `tune` and `inspect`."""

from collections.abc import Sequence

from rich.table import Table

from seismic import Profile

COLUMNS = ("k", "target", "plan", "recall", "95 % bounds", "us", "exact, us", "queries")


def profile_table(profiles: Sequence[Profile]) -> Table:
    """Return a table with a row per profile: target recall, plan, measured recall, and CPU microseconds per query."""
    table = Table(title="profiles", box=None, title_justify="left", title_style="bold", header_style="", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "plan" else "right")
    for profile in profiles:
        table.add_row(
            f"{profile.k:,}",
            "exact" if profile.target == 1 else f"{profile.target:g}",
            _plan(profile),
            f"{profile.recall:.4f}",
            f"{profile.lower:.4f} - {profile.upper:.4f}",
            f"{profile.microseconds:,.0f}",
            f"{profile.exact_microseconds:,.0f}",
            f"{profile.queries:,}",
        )
    return table


def _plan(profile: Profile) -> str:
    knobs = profile.params.model_dump(exclude={"plan"}, exclude_none=True)
    return ", ".join([profile.params.plan, *(f"{name} {value:g}" for name, value in knobs.items())])
