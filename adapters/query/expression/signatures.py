"""What each expression operator takes, and what MongoDB answers to a call it cannot parse.

Source: MongoDB manual, "Aggregation Expression Operators"; the codes were observed on a server 6.0
and are pinned by tests/cases/expressions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.query.failures import CommandFailure

MISSING_ARGUMENT: Final = 40415


@dataclass(frozen=True, slots=True, kw_only=True)
class Positional:
    """Arguments in an array, or one argument alone; `most` is None where there is no limit."""

    least: int
    most: int | None
    refusal: int = 16020


class Reading(StrEnum):
    """When the value of a parameter is read, which decides what error comes first."""

    AS_WRITTEN = "as written"
    """Each as it comes; that one is missing is found in the end."""
    IN_ORDER = "in order"
    """After all names, in the order of the signature."""
    FROM_THE_LAST = "from the last"
    """After all names, against the order of the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Arguments by name.

    `required` maps a parameter to the code for its absence; `check` refuses what does not go together
    before a value is read. With `alone` the operator also takes an expression in place of the document,
    for its first parameter.
    """

    parameters: tuple[str, ...]
    required: Mapping[str, int] = field(default_factory=dict)
    not_document: int
    unknown: int
    reading: Reading = Reading.AS_WRITTEN
    check: Callable[[Mapping[str, Any]], None] | None = None
    alone: bool = False


Signature = Positional | Named


def _exactly(count: int) -> Positional:
    return Positional(least=count, most=count)


def _between(least: int, most: int) -> Positional:
    return Positional(least=least, most=most, refusal=28667)


_ANY: Final = Positional(least=0, most=None)


def _regex() -> Named:
    return Named(
        parameters=("input", "regex", "options"),
        required={"input": 31022, "regex": 31023},
        not_document=51103,
        unknown=31024,
    )


def _trim() -> Named:
    return Named(
        parameters=("input", "chars"), required={"input": 50695}, not_document=50696, unknown=50694
    )


def _replace() -> Named:
    return Named(
        parameters=("input", "find", "replacement"),
        required={"input": 51749, "find": 51748, "replacement": 51747},
        not_document=51751,
        unknown=51750,
    )


def _date_part() -> Named:
    return Named(
        parameters=("date", "timezone"),
        required={"date": 40539},
        not_document=40536,
        unknown=40535,
        alone=True,
    )


def _date_shift() -> Named:
    return Named(
        parameters=("startDate", "unit", "amount", "timezone"),
        required={"startDate": 5166402, "unit": 5166402, "amount": 5166402},
        not_document=5166400,
        unknown=5166401,
    )


def _some_elements(not_document: int) -> Named:
    return Named(
        parameters=("input", "n"),
        required={"n": 5787906, "input": 5787907},
        not_document=not_document,
        unknown=5787901,
    )


def _check_date_parts(given: Mapping[str, Any]) -> None:
    """Refuse parts of two calendars, and parts without a year."""
    natural, iso = {"year", "month", "day"}, {"isoWeekYear", "isoWeek", "isoDayOfWeek"}
    if "year" not in given and "isoWeekYear" not in given:
        raise CommandFailure(40516, "$dateFromParts requires 'year' or 'isoWeekYear'")
    if "year" in given and iso & set(given):
        raise CommandFailure(40489, "$dateFromParts does not allow ISO dates beside natural dates")
    if "isoWeekYear" in given and natural & set(given):
        raise CommandFailure(40525, "$dateFromParts does not allow natural dates beside ISO dates")


_ONE_ARGUMENT: Final = (
    "$abs $acos $acosh $allElementsTrue $anyElementTrue $arrayToObject $asin $asinh $atan $atanh "
    "$binarySize $bsonSize $ceil $cos $cosh $degreesToRadians $exp $first $floor $isArray $isNumber "
    "$last $ln $log10 $not $objectToArray $radiansToDegrees $reverseArray $sin $sinh $size $sqrt "
    "$strLenBytes $strLenCP $tan $tanh $toLower $toUpper $tsIncrement $tsSecond $type"
).split()
_CONVERSIONS: Final = (
    "$toBool $toDate $toDecimal $toDouble $toInt $toLong $toObjectId $toString"
).split()
_TWO_ARGUMENTS: Final = (
    "$arrayElemAt $atan2 $cmp $divide $eq $gt $gte $in $log $lt $lte $mod $ne $pow $setDifference "
    "$setIsSubset $split $strcasecmp $subtract"
).split()
_ANY_ARGUMENTS: Final = (
    "$add $and $avg $concat $concatArrays $max $mergeObjects $min $multiply $or "
    "$setIntersection $setUnion $stdDevPop $stdDevSamp $sum"
).split()
_DATE_PARTS: Final = (
    "$dayOfMonth $dayOfWeek $dayOfYear $hour $isoDayOfWeek $isoWeek $isoWeekYear $millisecond $minute "
    "$month $second $week $year"
).split()

SIGNATURES: Final[Mapping[str, Signature]] = {
    **dict.fromkeys(_ONE_ARGUMENT, _exactly(1)),
    **dict.fromkeys(_CONVERSIONS, Positional(least=1, most=1, refusal=50723)),
    **dict.fromkeys(_TWO_ARGUMENTS, _exactly(2)),
    **dict.fromkeys(_ANY_ARGUMENTS, _ANY),
    **dict.fromkeys(_DATE_PARTS, _date_part()),
    **dict.fromkeys(("$regexMatch", "$regexFind", "$regexFindAll"), _regex()),
    **dict.fromkeys(("$trim", "$ltrim", "$rtrim"), _trim()),
    **dict.fromkeys(("$replaceOne", "$replaceAll"), _replace()),
    **dict.fromkeys(("$dateAdd", "$dateSubtract"), _date_shift()),
    **dict.fromkeys(("$firstN", "$lastN"), _some_elements(not_document=5787801)),
    **dict.fromkeys(("$minN", "$maxN"), _some_elements(not_document=5787900)),
    "$ifNull": Positional(least=2, most=None, refusal=1257300),
    "$setEquals": Positional(least=2, most=None, refusal=17045),
    "$substr": _exactly(3),
    "$substrBytes": _exactly(3),
    "$substrCP": _exactly(3),
    "$slice": _between(2, 3),
    "$range": _between(2, 3),
    "$round": _between(1, 2),
    "$trunc": _between(1, 2),
    "$indexOfArray": _between(2, 4),
    "$indexOfBytes": _between(2, 4),
    "$indexOfCP": _between(2, 4),
    "$convert": Named(
        parameters=("input", "to", "onError", "onNull"),
        required={"input": 9, "to": 9},
        not_document=9,
        unknown=9,
    ),
    "$dateToString": Named(
        parameters=("date", "format", "timezone", "onNull"),
        required={"date": 18628},
        not_document=18629,
        unknown=18534,
        reading=Reading.IN_ORDER,
    ),
    "$dateFromString": Named(
        # MongoDB reads and folds them in this order.
        parameters=("dateString", "timezone", "format", "onNull", "onError"),
        required={"dateString": 40542},
        not_document=40540,
        unknown=40541,
        reading=Reading.IN_ORDER,
    ),
    "$dateToParts": Named(
        parameters=("date", "timezone", "iso8601"),
        required={"date": 40522},
        not_document=40524,
        unknown=40520,
        reading=Reading.IN_ORDER,
    ),
    "$dateFromParts": Named(
        parameters=(
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "millisecond",
            "isoWeekYear",
            "isoWeek",
            "isoDayOfWeek",
            "timezone",
        ),
        not_document=40519,
        unknown=40518,
        reading=Reading.IN_ORDER,
        check=_check_date_parts,
    ),
    "$dateDiff": Named(
        parameters=("startDate", "endDate", "unit", "timezone", "startOfWeek"),
        required={"startDate": 5166303, "endDate": 5166304, "unit": 5166305},
        not_document=5166301,
        unknown=5166302,
        reading=Reading.FROM_THE_LAST,
    ),
    "$dateTrunc": Named(
        parameters=("date", "unit", "binSize", "timezone", "startOfWeek"),
        required={"date": 5439009, "unit": 5439010},
        not_document=5439007,
        unknown=5439008,
        reading=Reading.FROM_THE_LAST,
    ),
    "$getField": Named(
        parameters=("field", "input"),
        required={"field": 3041702, "input": 3041703},
        not_document=3041701,
        unknown=3041701,
        alone=True,
    ),
    "$setField": Named(
        parameters=("field", "input", "value"),
        required={"field": 4161102, "value": 4161103, "input": 4161109},
        not_document=4161100,
        unknown=4161101,
    ),
    "$unsetField": Named(
        parameters=("field", "input"),
        required={"field": 4161102, "input": 4161109},
        not_document=4161100,
        unknown=4161101,
    ),
}

UNSUPPORTED: Final[frozenset[str]] = frozenset(
    {"$function", "$meta", "$_internalFindAllValuesAtPath"}
)
"""Operators that MongoDB knows and the gateway path cannot answer exactly: made up by the server, or bound to its engine."""
