"""Random aggregation expressions: mostly of fitting types, sometimes not."""

from typing import Any

from hypothesis import strategies as st

from tests.differential.grammar.documents_of_kinds import (
    arrays,
    dates,
    ints,
    numbers,
    objects,
    scalars,
    texts,
)

Expressions = st.SearchStrategy[Any]


def _call(operators: str, *arguments: Expressions) -> Expressions:
    return st.builds(
        lambda operator, values: {operator: list(values)},
        st.sampled_from(operators.split()),
        st.tuples(*arguments),
    )


def _named(
    operators: str, required: dict[str, Expressions], **optional: Expressions
) -> Expressions:
    return st.builds(
        lambda operator, values: {operator: values},
        st.sampled_from(operators.split()),
        st.fixed_dictionaries(required, optional=optional),
    )


def _literal(values: Expressions) -> Expressions:
    return values.map(lambda value: {"$literal": value})


def expressions() -> Expressions:
    """Give expressions of any type, up to a few calls deep."""
    return st.recursive(_leaves(), _calls, max_leaves=6)


def _leaves() -> Expressions:
    paths = ["$a", "$b", "$s", "$t", "$o", "$d", "$v", "$nope", "$o.x", "$t.x", "$v.k", "$$ROOT.a"]
    return st.one_of(
        st.sampled_from(paths),
        st.sampled_from(paths),
        numbers,
        texts,
        _literal(scalars),
        _literal(arrays),
        _literal(objects),
    )


def _calls(inner: Expressions) -> Expressions:
    number = st.one_of(st.sampled_from(["$a", "$b"]), numbers, inner)
    text = st.one_of(st.just("$s"), texts, inner)
    array = st.one_of(st.just("$t"), _literal(arrays), inner)
    object_ = st.one_of(st.just("$o"), _literal(objects), inner)
    date = st.one_of(st.just("$d"), _literal(dates), inner)
    small = st.one_of(st.integers(-3, 4), number)
    element = st.one_of(st.just("$$this"), inner)
    return st.one_of(
        _call("$add $subtract $multiply $divide $mod", number, number),
        _call("$add $multiply $concat $max $min $sum $avg", inner, inner, inner),
        _call("$abs $ceil $floor $sqrt $exp $isNumber $toString $toInt $toLong $toBool", number),
        _call("$round $trunc", number, st.integers(-2, 3)),
        _call("$eq $ne $gt $gte $lt $lte $cmp", inner, inner),
        _call("$and $or", inner, inner),
        _call("$toHashedIndexKey $degreesToRadians $radiansToDegrees", inner),
        _call("$not $type $isArray $isNumber $toDouble $toDecimal $toBool", inner),
        _call("$ifNull", inner, inner),
        _call("$cond", inner, inner, inner),
        _call("$concat $strcasecmp $split $indexOfCP $indexOfBytes", text, text),
        _call("$toUpper $toLower $strLenCP $strLenBytes", text),
        _call("$substrCP $substrBytes", text, small, small),
        _named("$trim $ltrim $rtrim", {"input": text}, chars=text),
        _named("$replaceOne $replaceAll", {"input": text, "find": text, "replacement": text}),
        _named("$regexMatch $regexFind $regexFindAll", {"input": text, "regex": text}),
        _call("$size $reverseArray $first $last", array),
        _call("$arrayElemAt $slice", array, small),
        _call("$slice", array, small, small),
        _call("$concatArrays $setUnion $setIntersection $setDifference", array, array),
        _call("$setEquals $setIsSubset", array, array),
        _call("$in $indexOfArray", inner, array).map(_array_first),
        _call("$anyElementTrue $allElementsTrue", array),
        _call("$range", st.integers(-3, 4), st.integers(-3, 9)),
        _call("$mergeObjects", object_, object_),
        _call("$objectToArray $arrayToObject", st.one_of(object_, array)),
        _named("$map", {"input": array, "in": element}),
        _named("$filter", {"input": array, "cond": element}),
        _named("$reduce", {"input": array, "initialValue": inner, "in": element}),
        _named(
            "$sortArray", {"input": array, "sortBy": st.sampled_from([1, -1, {"x": 1}, {"x": -1}])}
        ),
        _named(
            "$dateToString", {"date": date}, format=_formats(), timezone=_timezones(), onNull=inner
        ),
        _named(
            "$dateFromString",
            {"dateString": _date_strings()},
            timezone=_timezones(),
            onError=inner,
            onNull=inner,
        ),
        _named(
            "$dateFromString",
            {"dateString": _date_strings(), "format": _read_formats()},
            timezone=_timezones(),
            onError=inner,
        ),
        _named("$dateFromParts", {"year": _years()}, timezone=_timezones(), **_parts()),
        _named("$dateFromParts", {"isoWeekYear": _years()}, isoWeek=small, isoDayOfWeek=small),
        _named(
            "$dateTrunc",
            {"date": date, "unit": _units()},
            binSize=small,
            timezone=_timezones(),
            startOfWeek=_weekdays(),
        ),
        _named(
            "$dateDiff",
            {"startDate": date, "endDate": date, "unit": _units()},
            timezone=_timezones(),
            startOfWeek=_weekdays(),
        ),
        _named(
            "$dateAdd $dateSubtract",
            {"startDate": date, "unit": _units(), "amount": small},
            timezone=_timezones(),
        ),
        _call("$pow $log $atan2", number, number),
        _call("$ln $log10 $sin $tanh $acos $degreesToRadians", number),
        _call("$stdDevPop $stdDevSamp $max $min $sum $avg", array),
        _call("$toDate $toObjectId $binarySize $bsonSize $tsSecond $tsIncrement", inner),
        _call("$substr", text, small, small),
        _call("$indexOfCP $indexOfBytes", text, text, small, small),
        _call("$indexOfArray", array, inner, small, small),
        _named("$firstN $lastN $minN $maxN", {"input": array, "n": small}),
        _named(
            "$zip",
            {"inputs": st.lists(array, min_size=1, max_size=2)},
            useLongestLength=st.just(True),
        ),
        _named("$setField", {"field": st.sampled_from("xa"), "input": object_, "value": inner}),
        _named("$unsetField", {"field": st.sampled_from("xa"), "input": object_}),
        _named("$dateToParts", {"date": date}, timezone=_timezones(), iso8601=st.booleans()),
        _named("$hour $isoWeekYear $minute", {"date": date}, timezone=_timezones()),
        _named(
            "$switch",
            {
                "branches": st.lists(
                    st.fixed_dictionaries({"case": inner, "then": inner}), min_size=1, max_size=2
                )
            },
            default=inner,
        ),
        _named(
            "$let",
            {
                "vars": st.fixed_dictionaries({"u": inner}),
                "in": st.one_of(st.just("$$u"), st.just("$$u.x"), inner),
            },
        ),
        _named("$reduce", {"input": array, "initialValue": inner, "in": _accumulation(inner)}),
        _call("$year $dayOfMonth $month $dayOfWeek $isoDayOfWeek $second", date),
        _call("$isoWeek $isoWeekYear $week $dayOfYear $hour $minute $millisecond", date),
        _named("$convert", {"input": inner, "to": _types()}, onError=inner, onNull=inner),
        st.dictionaries(st.sampled_from("pqr"), inner, max_size=2),
        st.lists(inner, max_size=2),
        _named("$getField", {"field": st.sampled_from("xa"), "input": object_}),
        ints,
    )


def _accumulation(inner: Expressions) -> Expressions:
    return st.one_of(
        _call("$add $concat $max", st.just("$$value"), st.just("$$this")),
        _call("$concatArrays", st.just("$$value"), st.just(["$$this"])),
        inner,
    )


def _array_first(call: dict[str, Any]) -> dict[str, Any]:
    """`$indexOfArray` takes the array first, `$in` last."""
    operator, arguments = next(iter(call.items()))
    return {operator: arguments[::-1] if operator == "$indexOfArray" else arguments}


def _formats() -> Expressions:
    return st.sampled_from(
        ["%Y-%m-%d", "%H:%M:%S.%L", "%G-W%V-%u", "%j %U %w", "%z %Z", "%%", "%q"]
    )


def _timezones() -> Expressions:
    return st.sampled_from(["UTC", "+05:30", "-0800", "America/New_York", "Europe/Berlin", "Mars"])


def _date_strings() -> Expressions:
    dates = [
        "2020-02-29",
        "29.2.2020",
        "Feb 29, 2020",
        "20200229",
        "2/29/20",
        "2020-W09-6",
        "2021-2",
    ]
    times = ["", " 10:11", "T23:59:59.5", " 3pm", " noon", " 1011", "T24:00"]
    zones = ["", "Z", " +02:30", " EST", " Europe/Berlin"]
    return st.builds(
        lambda *parts: "".join(parts),
        st.sampled_from(dates),
        st.sampled_from(times),
        st.sampled_from(zones),
    )


def _read_formats() -> Expressions:
    return st.sampled_from(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%L", "%d.%m.%Y", "%G-W%V-%u", "%Y%z"])


def _years() -> Expressions:
    return st.sampled_from([1, 1969, 1970, 2020, 2021, 9999, 10000, "$a"])


def _parts() -> dict[str, Expressions]:
    part = st.one_of(st.integers(-40, 70), st.sampled_from(["$a", "$b", None]))
    return dict.fromkeys(("month", "day", "hour", "minute", "second", "millisecond"), part)


def _units() -> Expressions:
    units = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"]
    return st.sampled_from([*units, "eon"])


def _weekdays() -> Expressions:
    return st.sampled_from(["mon", "Thursday", "SUN", "x"])


def _types() -> Expressions:
    return st.sampled_from(
        [
            "int",
            "long",
            "double",
            "decimal",
            "string",
            "bool",
            "date",
            "array",
            "objectId",
            1,
            18,
        ]
    )
