"""Presets of users, of which one may be the default."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document
from adapters.repositories.together import repeated


class PresetRepository(Keyed, Owned):
    """Presets."""

    entity = "Preset"
    key = "presetId"
    order = "order -updatedAt _id"

    async def find_default(
        self, user: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return the default preset of a user, None where there is none."""
        return await self.find_one({"user": user, "defaultPreset": True}, session=session)

    async def set_default(self, user: str, preset: str) -> Document | None:
        """Make a preset of a user the only default, and return it; None, and no change, where there is none."""

        async def work(session: Transaction) -> Document | None:
            chosen = {"user": user, "presetId": preset}
            made = await self.update_where(chosen, {"defaultPreset": True}, session=session)
            if made is not None:
                others = {"user": user, "defaultPreset": True, "presetId": {"$ne": preset}}
                await self.update_many(others, {"defaultPreset": False}, session=session)
            return made

        return await repeated(self._behind.database, work)
