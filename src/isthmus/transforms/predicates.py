"""The predicates that come with Connect: which records a transformation applies to (KIP-585)."""

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.api.config_def import (
    CompositeValidator,
    ConfigDef,
    Importance,
    NonEmptyString,
    Type,
    ValidRegex,
)
from isthmus.api.errors import ConfigError
from isthmus.api.java_regex import RegexError, compile_regex
from isthmus.api.record import RecordBatch
from isthmus.api.transformation import Predicate


class HasHeaderKey(Predicate):
    """Chooses records that have a header of some name. Java: HasHeaderKey."""

    def __init__(self) -> None:
        self._name = ""

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "name",
            Type.STRING,
            importance=Importance.MEDIUM,
            validator=NonEmptyString(),
            documentation="The name of the header.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        self._name = str(self.config().parse(config)["name"])

    def test(self, record: Any) -> bool:
        return any(header.key == self._name for header in record.headers)

    def test_batch(self, batch: RecordBatch) -> Sequence[bool]:
        if batch.headers is None:
            return [False] * len(batch)
        name = self._name
        return [any(header.key == name for header in headers) for headers in batch.headers]


class RecordIsTombstone(Predicate):
    """Chooses records whose value is null. Java: RecordIsTombstone."""

    def test(self, record: Any) -> bool:
        return record.value is None

    def test_batch(self, batch: RecordBatch) -> Sequence[bool]:
        return [value is None for value in batch.values]


class TopicNameMatches(Predicate):
    """Chooses records whose topic matches a pattern in full. Java: TopicNameMatches."""

    def __init__(self) -> None:
        self._pattern = compile_regex("")

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "pattern",
            Type.STRING,
            importance=Importance.MEDIUM,
            validator=CompositeValidator((NonEmptyString(), ValidRegex())),
            documentation="A regular expression that the whole name of the topic must match.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        text = str(self.config().parse(config)["pattern"])
        try:
            self._pattern = compile_regex(text)
        except RegexError as error:
            reason = f"entry must be a Java-compatible regular expression: {error}"
            raise ConfigError.invalid("pattern", text, reason) from None

    def test(self, record: Any) -> bool:
        return self._pattern.fullmatch(record.topic) is not None

    def test_batch(self, batch: RecordBatch) -> Sequence[bool]:
        return [self._pattern.fullmatch(batch.topic) is not None] * len(batch)
