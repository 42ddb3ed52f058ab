"""The application's own 47 models, from its own package, live through the sidecar as they live without it."""

import pytest

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar
from tests.e2e.ledger import Expected
from tests.e2e.test_node import sees_the_same

SHARES = 4
"""The models are dealt out to so many runs."""


@pytest.mark.parametrize("share", range(SHARES))
async def test_models(
    share: int,
    watched: str,
    expected: Expected,
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
) -> None:
    command = ["librechat.mjs", f"{share}/{SHARES}"]

    await sees_the_same(command, watched, expected, sidecar=sidecar, mongo=mongo)
