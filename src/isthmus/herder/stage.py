"""What the worker is doing now, in a sentence for the user whose request has to wait."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class Stages:
    """The operation under way. Java: Stage, TickThreadStage."""

    description: str
    began: datetime | None = None

    def __post_init__(self) -> None:
        self.began = self.began or datetime.now(UTC)

    def begin(self, description: str) -> None:
        """Say what is done from now on."""
        self.description = description
        self.began = datetime.now(UTC)

    def summary(self) -> str:
        """Return the sentence that Java appends to an answer that took too long."""
        assert self.began is not None
        since = self.began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"The worker is currently {self.description}, which began at {since}."
