"""What the application itself saw: commands answered and failed, told by the driver."""

from collections import Counter

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)


class CommandTally(CommandListener):
    """Count commands by name, the failed ones apart."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many commands got an answer of either kind."""
        return self.answers.total() + self.failures.total()

    def started(self, event: CommandStartedEvent) -> None:
        """Count nothing: only answers count."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Count one answer."""
        self.answers[event.command_name] += 1

    def failed(self, event: CommandFailedEvent) -> None:
        """Count one failure of a whole command."""
        self.failures[event.command_name] += 1
