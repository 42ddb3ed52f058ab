"""What the live page does when somebody asks: the same as the commands do, for the documents that it shows."""

from collections.abc import Sequence
from typing import Final

from comparators.errors import RefusedError, SettingsError
from dashboards.live.actions import Author, Excuse, Subject
from proxy.cli.repairing import Repair, told
from proxy.declared_rule import DeclaredRule, declare
from proxy.jobs.asking import Asking
from proxy.jobs.repair import Planned, Side, Step
from proxy.ledger.access import opened
from proxy.ledger.lookup import Concerned, concerned_by
from proxy.ledger.orders import OrderKind, Orders
from proxy.settings import Settings
from proxy.shadow.rulebook import NAME
from proxy.tracing.stints import Stints
from proxy.withdrawn_rule import withdraw

MOST_LINES: Final = 20


class Acting:
    """Acts on the sides and the ledger of these settings."""

    def __init__(self, settings: Settings, stints: Stints | None = None) -> None:
        self._settings = settings
        self._stints = stints

    async def recheck(self, subject: Subject, author: Author) -> Sequence[str]:
        """Compare the documents once more."""
        async with Repair.open(self._settings, self._stints) as job:
            planned = await self._planned(job, subject)
            outcome = await job.compare(planned, who=author.who, why=author.why)
        return _shown([*told(outcome, "equal now"), *_gone(planned)])

    async def repair(self, subject: Subject, author: Author) -> Sequence[str]:
        """Make the documents of the gateway equal to MongoDB's."""
        async with Repair.open(self._settings, self._stints) as job:
            planned = await self._planned(job, subject)
            outcome = await job.carry_out(Side.GATEWAY, planned, who=author.who, why=author.why)
        return _shown([*told(outcome), *_gone(planned)])

    async def declare(self, subject: Subject, excuse: Excuse, author: Author) -> Sequence[str]:
        """Declare a rule, have the verifier take it up, and compare the documents under it."""
        settings = self._settings
        _check_own(settings)
        async with opened(settings.ledger_uri) as access:
            asking = Asking(Orders(access), who=author.who, why=author.why)
            # Before anything is written: a rule that nobody takes up would surprise later.
            await asking.check()
            rule = DeclaredRule(
                effect=excuse.effect,
                collection=excuse.collection,
                path=excuse.path,
                kinds=excuse.kinds,
                changes=excuse.changes,
                tolerance=excuse.tolerance,
                owner=excuse.owner,
                reason=author.why,
                expires=excuse.expires,
            )
            name = await declare(settings.rules_file, rule, who=author.who)
            await asking.done(OrderKind.DECLARE, excuse.collection, {NAME: name})
        said = f"the rule {name} is in force until {excuse.expires.isoformat()}"
        return [said, *await self._compared_under(subject, author)]

    async def withdraw(self, rule: str, author: Author) -> Sequence[str]:
        """Withdraw a rule that was declared here, and have the verifier take that up."""
        settings = self._settings
        _check_own(settings)
        async with opened(settings.ledger_uri) as access:
            asking = Asking(Orders(access), who=author.who, why=author.why)
            await asking.check()
            about = await withdraw(settings.rules_file, rule, who=author.who, why=author.why)
            await asking.done(OrderKind.WITHDRAW, about, {NAME: rule})
        return [
            f"the rule {rule} is withdrawn: from here on it excuses nothing",
            f"`parallax sweep` compares the documents of {about} that it excused before",
        ]

    async def _compared_under(self, subject: Subject, author: Author) -> Sequence[str]:
        if subject.group and not (await self._concerned(subject.group)).documents:
            return ()
        return await self.recheck(subject, author)

    async def _planned(self, job: Repair, subject: Subject) -> list[Planned]:
        if not subject.group:
            return await job.plan(await job.named(subject.namespace, [subject.document]))
        concerned = await self._concerned(subject.group)
        if not concerned.documents:
            raise RefusedError(
                "no document is known that this group concerns",
                where=concerned.namespace,
                remedy=f"`parallax sweep {concerned.namespace}` compares all of the collection",
            )
        return await job.plan(await job.named(concerned.namespace, concerned.documents))

    async def _concerned(self, group: str) -> Concerned:
        try:
            number = int(group, 16)
        except ValueError:
            number = -1
        async with opened(self._settings.ledger_uri) as access:
            found = await concerned_by(access, number)
        if found is None:
            raise SettingsError(
                "the ledger has no such group of mismatches",
                where=group,
                remedy="load the page again",
            )
        return found


def _check_own(settings: Settings) -> None:
    if not settings.rules.file:
        raise RefusedError(
            "the rules that ship with Parallax are not yours to change",
            where="rules.file",
            remedy="copy them to a file of your own, and name that in `rules.file` for the sidecar and for the dashboard",
        )


def _gone(planned: Sequence[Planned]) -> list[str]:
    gone = sum(each.step is Step.GONE for each in planned)
    return [f"on neither side any more: {gone:,}"] if gone else []


def _shown(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES:,} more"]
