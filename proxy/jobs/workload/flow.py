"""What all flows have in common: a database, and weighted steps."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from proxy.jobs.workload.person import Person

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]
Step = Callable[[Person], Awaitable[None]]


class Flow(ABC):
    """One area of the application; a step is what one click of a person would cause."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @abstractmethod
    def steps(self) -> Mapping[Step, int]:
        """Return the steps and how often each is taken, relative to the others."""
