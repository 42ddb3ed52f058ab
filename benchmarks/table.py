"""Tables as text: words to the left, numbers to the right."""

from collections.abc import Sequence

Cell = str | float | int


def table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return rows under their headings; a column of numbers is aligned to the right."""
    shown = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(headings, *shown, strict=True)]
    right = [
        bool(rows) and all(not isinstance(row[at], str) for row in rows)
        for at in range(len(headings))
    ]
    lines = [
        _line(headings, widths, right),
        _line(["─" * width for width in widths], widths, right),
    ]
    lines += [_line(row, widths, right) for row in shown]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(aligned).rstrip()


def number(value: float) -> str:
    """Return a number with about three digits that say something."""
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else number(cell)
