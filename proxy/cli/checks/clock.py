"""Whether a server's clock agrees with ours."""

from typing import Final

from proxy.cli.checks.finding import Checked, doubtful, good

MAX_SKEW_S: Final = 1.0


def clock(subject: str, *, there_s: float, asked_s: float, answered_s: float) -> Checked:
    """Judge a server's time, read somewhere between asking and answering by our own clock.

    What the answer took is no skew: only what lies outside of that interval is.
    """
    ahead_s = max(there_s - answered_s, 0.0)
    behind_s = max(asked_s - there_s, 0.0)
    if max(ahead_s, behind_s) <= MAX_SKEW_S:
        return good(subject, "agrees with the one here")
    side = f"{ahead_s:.1f} s ahead" if ahead_s else f"{behind_s:.1f} s behind"
    return doubtful(
        subject,
        f"{side} of the one here",
        "synchronise the clocks: expiry of documents and lag are judged by them",
    )
