"""The routes of transactions."""

from typing import Final

from proxy.http import held
from proxy.http.declared import Answer, Body, Kind, Member, Route
from proxy.http.problems import Code
from proxy.http.tokens import Scope

TRANSACTIONS: Final[tuple[Route, ...]] = (
    Route(
        name="begin_transaction",
        method="POST",
        path="/v1/transactions",
        summary="Begin a transaction; name its id in the header `Transaction` of what belongs to it",
        scope=Scope.WRITE,
        handler=held.begin,
        body=Body(
            meaning="How long it may last",
            members=(
                Member(
                    name="timeout_s",
                    kind=Kind.NUMBER,
                    meaning="Seconds after which it is undone; no longer than the server allows",
                    least=0.1,
                    most=86_400,
                ),
            ),
        ),
        answers={201: Answer(meaning="It has begun", schema="Transaction", headers=("Location",))},
        problems=(Code.TOO_MANY_TRANSACTIONS, Code.UNSUPPORTED),
    ),
    Route(
        name="commit_transaction",
        method="POST",
        path="/v1/transactions/{transaction}/commit",
        summary="Let everything in a transaction take effect",
        scope=Scope.WRITE,
        handler=held.commit,
        answers={200: Answer(meaning="It has taken effect", schema="Transaction")},
        problems=(Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER, Code.CONFLICT),
    ),
    Route(
        name="abort_transaction",
        method="POST",
        path="/v1/transactions/{transaction}/abort",
        summary="Undo everything in a transaction",
        scope=Scope.WRITE,
        handler=held.abort,
        answers={200: Answer(meaning="It is undone", schema="Transaction")},
        problems=(Code.NO_SUCH_TRANSACTION, Code.TRANSACTION_OVER),
    ),
)
