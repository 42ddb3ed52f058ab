"""One simulated user: who they are, what their screen shows, and their own source of chance.

Nothing here is shared between people, so what a person does depends on the seed alone and not on
how the others happen to be scheduled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, TypeVar
from uuid import UUID

from bson import ObjectId

T = TypeVar("T")

_FIRST_NAMES: Final = (
    "Ada Boole Curie Dirac Euler Fermi Gauss Hypatia Ibn Jacobi Kovalevskaya Lovelace".split()
)
_WORDS: Final = (
    "the a of to and in that it is was for on are as with his they at be this from have or by one had "
    "not but what all were when we there can an your which their said if do will each about how up out "
    "them then she many some so these would other into has more her two like him see time could no make "
    "than first been its who now people my made over did down only way find use may water long little "
    "very after words called just where most know naïve café Straße übermäßig résumé 東京 числа 🙂 "
    "database index query message model token answer question code function value table cursor"
).split()


@dataclass(slots=True, kw_only=True)
class Thread:
    """A conversation as the person's screen shows it; `messages` are ids in the order of creation."""

    id: str
    messages: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    @property
    def last(self) -> str | None:
        """The message that the next one answers; None at the beginning."""
        return self.messages[-1] if self.messages else None


@dataclass(slots=True, kw_only=True)
class Person:
    """A user from sign-up to deletion; `moment` is their clock, which only moves forward."""

    random: Random
    moment: datetime
    id: ObjectId
    name: str
    email: str
    threads: list[Thread] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    shares: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    presets: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    prompt_groups: list[ObjectId] = field(default_factory=list)

    def now(self) -> datetime:
        """Return a moment later than any before; milliseconds, as BSON keeps them."""
        self.moment += timedelta(milliseconds=self.random.randint(1, 40))
        return self.moment

    def object_id(self) -> ObjectId:
        """Return a new id that sorts by time, as drivers make them."""
        seconds = int(self.moment.timestamp())
        return ObjectId(seconds.to_bytes(4) + self.random.randbytes(8))

    def uuid(self) -> str:
        """Return a new random id."""
        return str(UUID(bytes=self.random.randbytes(16), version=4))

    def token(self) -> str:
        """Return a new secret, as hexadecimal digits."""
        return self.random.randbytes(32).hex()

    def words(self, fewest: int, most: int) -> str:
        """Return a text of so many words."""
        return " ".join(self.random.choices(_WORDS, k=self.random.randint(fewest, most)))

    def one_of(self, values: Sequence[T]) -> T:
        """Return any of the values."""
        return self.random.choice(values)

    def some_of(self, values: Sequence[T], most: int) -> list[T]:
        """Return one to `most` different values."""
        return self.random.sample(values, k=self.random.randint(1, min(most, len(values))))

    def happens(self, chance: float) -> bool:
        """Return True in this share of the cases."""
        return self.random.random() < chance

    @property
    def user(self) -> str:
        """The id as most collections keep it: text."""
        return str(self.id)


def new_person(random: Random, moment: datetime, number: int) -> Person:
    """Return somebody who has not signed up yet; `number` makes the e-mail address unique."""
    name = f"{random.choice(_FIRST_NAMES)} {random.choice(_FIRST_NAMES)}"
    address = f"{name.replace(' ', '.').lower()}.{number}@example.org"
    identifier = ObjectId(int(moment.timestamp()).to_bytes(4) + random.randbytes(8))
    return Person(random=random, moment=moment, id=identifier, name=name, email=address)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of a day."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
