"""Tables for people."""


def table(rows: list[list[str]]) -> str:
    """A Markdown table, padded so that it reads as text too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [rows[0], rule, *rows[1:]]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
