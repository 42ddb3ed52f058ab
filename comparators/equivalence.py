"""The same documents, as far as the operation fixes which they are and in which order.

What two answers have in common is paired first, by `_id` or else by content; then come the documents that
differ, those that one side alone has, and last the order of what both have.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from comparators.canonical import decode, encode
from comparators.change import ROOT, ChangeKind, Difference, Path, change
from comparators.difference import between_values, differences_between
from comparators.element import OBJECT, Element, element_of, elements, identity
from comparators.errors import UnsupportedError
from comparators.order import OrderKey
from comparators.ordering import COLLATION, NO_ORDER, RANDOM, TIES, Ordering, Rows
from comparators.outcome import Documents

EXPIRED: Final = "documents may have expired"
SHORT_OF_LEGACY: Final = "the gateway's answer was not read to its end"

VALUES: Final = "values.*"

IsExpired = Callable[[bytes], bool]

_MAX_MATCHED: Final = 32


@dataclass(frozen=True, slots=True)
class Undecidable:
    """Two answers differ where both may be right, or nobody can tell; the reason is a fixed phrase."""

    reason: str


Evidence = Difference | Undecidable


def same_documents(
    legacy: Documents, gateway: Documents, ordering: Ordering, *, expired: IsExpired | None = None
) -> Iterator[Evidence]:
    """Give what keeps two results from being the same; nothing if they are.

    `expired` says whether a TTL index may remove a document at any moment.
    """
    left, right = legacy.documents, gateway.documents
    if not gateway.complete and len(right) < len(left):
        yield Undecidable(SHORT_OF_LEGACY)
        return
    if not legacy.complete and ordering.is_sorted:
        right = right[: len(left)]
        ordering = replace(ordering, rows=_rows_of_prefix(ordering), limit=len(left))
    if left == right:
        return
    if ordering.arbitrary is not None:
        yield Undecidable(ordering.arbitrary)
        return
    if ordering.sample and len(left) < ordering.sample and legacy.complete:
        # Fewer than were asked for at random: these are all.
        ordering = replace(ordering, rows=Rows.FIXED)
    if ordering.facets is not None and len(left) == len(right) == 1:
        yield from _same_facets(left[0], right[0], ordering.facets)
        return
    yield from _Comparison(left, right, ordering, expired, is_prefix=not legacy.complete).evidence()


def _rows_of_prefix(ordering: Ordering) -> Rows:
    """Return what fixes the first documents of a result that was not read to its end."""
    return ordering.rows if ordering.is_total or ordering.rows is Rows.ANY else Rows.TIES


def _same_facets(
    legacy: bytes, gateway: bytes, facets: Mapping[str, Ordering]
) -> Iterator[Evidence]:
    left, right = dict(elements(legacy)), dict(elements(gateway))
    if list(left) != list(right):
        yield from differences_between(legacy, gateway)
        return
    for name, element in left.items():
        at = ROOT.field(name)
        for found in same_documents(_inner(element), _inner(right[name]), facets[name]):
            yield _placed(found, at) if isinstance(found, Difference) else found


def _inner(array: Element) -> Documents:
    return Documents(documents=tuple([item.raw for _, item in elements(array.raw)]))


def _placed(difference: Difference, at: Path) -> Difference:
    def below(place: str, path: str) -> str:
        return f"{place}.*.{path}" if path else place

    return replace(
        difference,
        path=below(at.general, difference.path),
        exact=below(at.exact, difference.exact),
    )


_Pair = tuple[int, int]
"""Positions in the legacy result and in the gateway's."""


class _Comparison:
    """Two unequal results under one ordering."""

    def __init__(
        self,
        legacy: Sequence[bytes],
        gateway: Sequence[bytes],
        ordering: Ordering,
        expired: IsExpired | None,
        *,
        is_prefix: bool,
    ) -> None:
        self._legacy = legacy
        self._gateway = gateway
        self._ordering = ordering
        self._is_prefix = is_prefix
        is_fixed = ordering.rows is Rows.FIXED
        # Of documents that may be any, two with one `_id` are the same only if it occurs once.
        pairs, missing, extra = _paired(legacy, gateway, by_id=is_fixed or ordering.unique)
        unpaired = len(missing) + len(extra)
        if expired is not None:
            missing = [placed for placed in missing if not expired(placed[1])]
            extra = [placed for placed in extra if not expired(placed[1])]
        self._some_expired = len(missing) + len(extra) < unpaired
        if is_fixed:
            _pair_alike(pairs, missing, extra)
        self._pairs = sorted(pairs)
        self._missing = [document for _, document in missing]
        self._extra = [document for _, document in extra]

    def evidence(self) -> Iterator[Evidence]:
        for ours, theirs in self._pairs:
            if self._legacy[ours] != self._gateway[theirs]:
                for found in differences_between(self._legacy[ours], self._gateway[theirs]):
                    yield from _loosened(found, self._ordering)
        if self._missing or self._extra or self._some_expired:
            yield from self._unpaired()
        if self._ordering.is_sorted:
            yield from self._order()

    def _unpaired(self) -> Iterator[Evidence]:
        if self._some_expired:
            yield Undecidable(EXPIRED)
            if self._is_cut():
                # What a cut let through instead of the expired document follows from it.
                return
        elif self._is_free():
            yield Undecidable(self._reason())
            return
        for document in self._missing:
            yield change(ChangeKind.DOCUMENT_MISSING, ROOT, Element(OBJECT, document), None)
        # Without a sort, the gateway's answer may hold anything where the client stopped reading.
        if self._ordering.is_sorted or not self._is_prefix:
            for document in self._extra:
                yield change(ChangeKind.DOCUMENT_EXTRA, ROOT, None, Element(OBJECT, document))

    def _is_cut(self) -> bool:
        ordering = self._ordering
        cut = ordering.skips or ordering.limit > 0 or ordering.rows is not Rows.FIXED
        return cut or self._is_prefix

    def _is_free(self) -> bool:
        """Return whether the operation leaves open which of the unpaired documents it returns.

        Their number is fixed all the same.
        """
        if self._ordering.rows is Rows.FIXED:
            return False
        if self._ordering.rows is Rows.ANY and self._is_prefix:
            return len(self._missing) <= len(self._extra)
        if len(self._missing) != len(self._extra):
            return False
        if self._ordering.rows is Rows.ANY:
            return True
        at_cut = self._keys_at_cut()
        return all(self._key(each) in at_cut for each in self._missing + self._extra)

    def _keys_at_cut(self) -> list[OrderKey]:
        """Return the keys of the documents next to a cut, where both sides agree on them."""
        cuts = []
        if self._ordering.skips:
            cuts.append(0)
        if self._ordering.limit and len(self._legacy) >= self._ordering.limit:
            cuts.append(-1)
        ends = [(self._key(self._legacy[cut]), self._key(self._gateway[cut])) for cut in cuts]
        return [ours for ours, theirs in ends if ours == theirs]

    def _reason(self) -> str:
        if self._ordering.rows is Rows.ANY:
            return RANDOM if self._ordering.sample else NO_ORDER
        return self._ordering.hidden or TIES

    def _order(self) -> Iterator[Evidence]:
        """Judge the order of the documents both sides have, by their keys on the legacy side."""
        by_gateway = [ours for ours, _ in sorted(self._pairs, key=lambda pair: pair[1])]
        if by_gateway == sorted(by_gateway):
            return
        try:
            keys = {ours: self._key(self._legacy[ours]) for ours in by_gateway}
        except UnsupportedError:
            yield Undecidable(COLLATION)
            return
        in_order = all(
            keys[ours] == keys[theirs]
            for ours, theirs in zip(sorted(by_gateway), by_gateway, strict=True)
        )
        if not in_order or (self._ordering.sequences and not self._in_sequence(by_gateway)):
            yield Difference(
                kind=ChangeKind.ORDER,
                path="",
                exact="",
                legacy_type="array",
                gateway_type="array",
                legacy=[self._id_of(ours) for ours in sorted(by_gateway)],
                gateway=[self._id_of(ours) for ours in by_gateway],
            )
        elif self._ordering.hidden is not None:
            yield Undecidable(self._ordering.hidden)

    def _in_sequence(self, by_gateway: list[int]) -> bool:
        last: dict[bytes | None, int] = {}
        for ours in by_gateway:
            key = identity(self._legacy[ours])
            if last.get(key, -1) > ours:
                return False
            last[key] = ours
        return True

    def _key(self, document: bytes) -> OrderKey:
        sort = self._ordering.sort
        return self._ordering.values.sort_key(decode(document), sort) if sort else ()

    def _id_of(self, ours: int) -> Any:
        return decode(self._legacy[ours]).get("_id")


def _loosened(found: Difference, ordering: Ordering) -> Iterator[Evidence]:
    """Give a difference, unless it lies where the operation leaves something to chance."""
    for path, reason in ordering.vague.items():
        if _is_under(found.path, path):
            yield Undecidable(reason)
            return
    if found.kind is ChangeKind.FIELD_ORDER and _is_scattered(found, ordering):
        return
    if found.kind is ChangeKind.ORDER and found.path in ordering.loose:
        why = ordering.loose[found.path]
        if why is not None:
            yield Undecidable(why)
        return
    yield found


def _is_scattered(found: Difference, ordering: Ordering) -> bool:
    """Return whether only those fields changed places that have none."""
    above = f"{found.path}." if found.path else ""
    free = {
        name.removeprefix(above).split(".")[0]
        for name in ordering.scattered
        if name.startswith(above)
    }
    left, right = (
        [name for name in each if name not in free] for each in (found.legacy, found.gateway)
    )
    return bool(free) and left == right


def _is_under(path: str, other: str) -> bool:
    return path == other or path.startswith(other + ".")


_Placed = list[tuple[int, bytes]]
"""Documents with their positions."""


def _paired(
    legacy: Sequence[bytes], gateway: Sequence[bytes], *, by_id: bool = True
) -> tuple[list[_Pair], _Placed, _Placed]:
    """Pair equal documents, then those with one `_id`; return also what either side has left."""
    pairs: list[_Pair] = []
    missing, extra = _pair_by(pairs, list(enumerate(legacy)), list(enumerate(gateway)), bytes)
    if missing and extra and by_id:
        missing, extra = _pair_by(pairs, missing, extra, identity)
    return pairs, missing, extra


def _pair_by(
    pairs: list[_Pair], legacy: _Placed, gateway: _Placed, key: Callable[[bytes], bytes | None]
) -> tuple[_Placed, _Placed]:
    """Pair documents of one key in their order; return the rest. None is nobody's key."""
    waiting: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    missing: _Placed = []
    keyless: _Placed = []
    for placed in reversed(gateway):
        name = key(placed[1])
        if name is None:
            keyless.append(placed)
        else:
            waiting[name].append(placed)
    for placed in legacy:
        name = key(placed[1])
        partners = waiting.get(name) if name is not None else None
        if partners:
            pairs.append((placed[0], partners.pop()[0]))
        else:
            missing.append(placed)
    extra = keyless + [placed for placed_list in waiting.values() for placed in placed_list]
    return missing, sorted(extra)


def _pair_alike(pairs: list[_Pair], legacy: _Placed, gateway: _Placed) -> None:
    """Pair documents without an `_id` with the most similar ones; what found no partner stays."""
    ours = [placed for placed in legacy if identity(placed[1]) is None][:_MAX_MATCHED]
    for placed in ours:
        theirs = [each for each in gateway if identity(each[1]) is None][:_MAX_MATCHED]
        if not theirs:
            return
        fields = set(elements(placed[1]))
        best = max(theirs, key=lambda each: len(fields & set(elements(each[1]))))
        pairs.append((placed[0], best[0]))
        legacy.remove(placed)
        gateway.remove(best)


def same_values(legacy: Sequence[Any], gateway: Sequence[Any]) -> Iterator[Evidence]:
    """Give what keeps two answers of `distinct` from being the same set of values."""
    # As `_id`s, numbers of one value but different types meet.
    left = [encode({"_id": value}) for value in legacy]
    right = [encode({"_id": value}) for value in gateway]
    pairs, missing, extra = _paired(left, right)
    at = Path(exact=VALUES, general=VALUES)
    for ours, theirs in pairs:
        if left[ours] != right[theirs]:
            yield from between_values(at, element_of(legacy[ours]), element_of(gateway[theirs]))
    for ours, _ in missing:
        yield change(ChangeKind.MISSING_IN_GATEWAY, at, element_of(legacy[ours]), None)
    for theirs, _ in extra:
        yield change(ChangeKind.EXTRA_IN_GATEWAY, at, None, element_of(gateway[theirs]))
