"""Banners that are shown to users for some time."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed
from adapters.repositories.repository import Document


class BannerRepository(Keyed):
    """Banners."""

    entity = "Banner"
    key = "bannerId"

    async def find_current(
        self, *, public: bool = False, session: Transaction | None = None
    ) -> list[Document]:
        """Return the banners to be shown now, the newest first; with `public`, those for people who are not logged in."""
        now = self.now()
        condition: dict[str, Any] = {
            "displayFrom": {"$lte": now},
            "$or": [{"displayTo": None}, {"displayTo": {"$gte": now}}],
        }
        if public:
            condition["isPublic"] = True
        return await self.find(condition, sort="-displayFrom -_id", session=session)
