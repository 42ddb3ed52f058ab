"""How well maps fit their collections, for people."""

from collections.abc import Iterator, Mapping
from typing import Final

from adapters.entities.drift import Fit

SHOWN: Final = 20


def fit_lines(fits: Mapping[str, Fit]) -> Iterator[str]:
    """Yield the lines of a report: shares, and where documents leave their map."""
    for namespace, fit in fits.items():
        yield (
            f"{namespace}: {fit.documents} documents looked at, {_share(fit.drifting, fit)} would drift, "
            f"{_share(fit.usual, fit)} just as mapped, {fit.overflow_bytes} bytes in the overflow"
        )
        for column, count in fit.columns.most_common(SHOWN):
            yield f"  drifts from {column}: {_share(count, fit)}"
        for path, count in fit.unmapped.most_common(SHOWN):
            yield f"  no column for {'.'.join(path)}: {_share(count, fit)}"
        rest = max(len(fit.columns) - SHOWN, 0) + max(len(fit.unmapped) - SHOWN, 0)
        if rest:
            yield f"  and {rest} more"


def _share(count: int, fit: Fit) -> str:
    share = 100 * count / fit.documents if fit.documents else 0.0
    return f"{share:.1f} %"
