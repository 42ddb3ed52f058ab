"""Boundaries of `$bucketAuto` rounded to a series of preferred numbers, or to powers of two.

Source: MongoDB manual, "$bucketAuto (aggregation)", section "Granularity"; the series and how they are scaled
were read off a server 6.0, whose R40 lacks 335.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.evaluate.numbers import CONTEXT, decimal128, decimal_of, double_of, int_or_long

POWERS_OF_TWO: Final = "POWERSOF2"
DIGITS: Final = 34


def rounded_up(value: Any, granularity: str) -> Any:
    """Return the next larger number of a series; zero stays, and infinity in a series."""
    if double_of(value) == 0:
        return value
    if math.isinf(double_of(value)):
        return value if granularity != POWERS_OF_TWO else 0.0
    if granularity == POWERS_OF_TWO:
        return _power(value, math.floor(math.log2(double_of(value))) + 1)
    series = SERIES[granularity]
    if isinstance(value, Decimal128):
        exact = [decimal_of(each) for each in series]
        with localcontext(CONTEXT):
            return decimal128(_up(value.to_decimal(), exact, Decimal(1), Decimal(10)))
    return _up(double_of(value), series, 1.0, 10.0)


def rounded_down(value: Any, granularity: str) -> Any:
    """Return the next smaller number of a series; zero stays, and infinity in a series."""
    if double_of(value) == 0:
        return value
    if math.isinf(double_of(value)):
        return value if granularity != POWERS_OF_TWO else 0.0
    if granularity == POWERS_OF_TWO:
        return _power(value, math.ceil(math.log2(double_of(value))) - 1)
    series = SERIES[granularity]
    if isinstance(value, Decimal128):
        exact = [decimal_of(each) for each in series]
        with localcontext(CONTEXT):
            return decimal128(_down(value.to_decimal(), exact, Decimal(1), Decimal(10)))
    return _down(double_of(value), series, 1.0, 10.0)


def _power(value: Any, exponent: int) -> Any:
    if isinstance(value, Decimal128):
        exact = CONTEXT.power(Decimal(2), exponent)
        places = DIGITS - 1 - exact.adjusted()
        return Decimal128(exact.quantize(Decimal(1).scaleb(-places), context=CONTEXT))
    return int_or_long(2**exponent) if exponent >= 0 else 2.0**exponent


def _up(number: Any, series: Sequence[Any], scale: Any, ten: Any) -> Any:
    while number >= series[-1] * scale:
        scale *= ten
    while number < series[0] * scale:
        least = series[0] * scale
        scale /= ten
        if number >= series[-1] * scale:
            return least
    scaled = [each * scale for each in series]
    return scaled[bisect_right(scaled, number)]


def _down(number: Any, series: Sequence[Any], scale: Any, ten: Any) -> Any:
    while number <= series[0] * scale:
        scale /= ten
    while number > series[-1] * scale:
        greatest = series[-1] * scale
        scale *= ten
        if number <= series[0] * scale:
            return greatest
    scaled = [each * scale for each in series]
    return scaled[bisect_left(scaled, number) - 1]


def _series(numbers: str) -> tuple[float, ...]:
    return tuple(map(float, numbers.split()))


# fmt: off
SERIES: Final[Mapping[str, tuple[float, ...]]] = {
    "R5": _series("10 16 25 40 63"),
    "R10": _series("100 125 160 200 250 315 400 500 630 800"),
    "R20": _series(

        "100 112 125 140 160 180 200 224 250 280 315 355 400 450 500 560 630 710 800 900"
    ),
    "R40": _series(
        "100 106 112 118 125 132 140 150 160 170 180 190 200 212 224 236 250 265 280 300 315 "
        "355 375 400 425 450 475 500 530 560 600 630 670 710 750 800 850 900 950"
    ),
    "R80": _series(
        "103 109 115 122 128 136 145 155 165 175 185 195 206 218 230 243 258 272 290 307 325 "
        "345 365 387 412 437 462 487 515 545 575 615 650 690 730 775 825 875 925 975"
    ),
    "1-2-5": _series("10 20 50"),
    "E6": _series("10 15 22 33 47 68"),
    "E12": _series("10 12 15 18 22 27 33 39 47 56 68 82"),
    "E24": _series("10 11 12 13 15 16 18 20 22 24 27 30 33 36 39 43 47 51 56 62 68 75 82 91"),
    "E48": _series(
        "100 105 110 115 121 127 133 140 147 154 162 169 178 187 196 205 215 226 237 249 261 "
        "274 287 301 316 332 348 365 383 402 422 442 464 487 511 536 562 590 619 649 681 715 "
        "750 787 825 866 909 953"
    ),
    "E96": _series(
        "100 102 105 107 110 113 115 118 121 124 127 130 133 137 140 143 147 150 154 158 162 "
        "165 169 174 178 182 187 191 196 200 205 210 215 221 226 232 237 243 249 255 261 267 "
        "274 280 287 294 301 309 316 324 332 340 348 357 365 374 383 392 402 412 422 432 442 "
        "453 464 475 487 499 511 523 536 549 562 576 590 604 619 634 649 665 681 698 715 732 "
        "750 768 787 806 825 845 866 887 909 931 953 976"
    ),
    "E192": _series(
        "100 101 102 104 105 106 107 109 110 111 113 114 115 117 118 120 121 123 124 126 127 "
        "129 130 132 133 135 137 138 140 142 143 145 147 149 150 152 154 156 158 160 162 164 "
        "165 167 169 172 174 176 178 180 182 184 187 189 191 193 196 198 200 203 205 208 210 "
        "213 215 218 221 223 226 229 232 234 237 240 243 246 249 252 255 258 261 264 267 271 "
        "274 277 280 284 287 291 294 298 301 305 309 312 316 320 324 328 332 336 340 344 348 "
        "352 357 361 365 370 374 379 383 388 392 397 402 407 412 417 422 427 432 437 442 448 "
        "453 459 464 470 475 481 487 493 499 505 511 517 523 530 536 542 549 556 562 569 576 "
        "583 590 597 604 612 619 626 634 642 649 657 665 673 681 690 698 706 715 723 732 741 "
        "750 759 768 777 787 796 806 816 825 835 845 856 866 876 887 898 909 920 931 942 953 "
        "965 976 988"
    ),
}
# fmt: on
