"""Sends records to other topics by a pattern of their names."""

from collections.abc import Mapping, Sequence

from isthmus.api.config_def import ConfigDef, Importance, Type, ValidRegex
from isthmus.api.java_regex import compile_regex, compile_replacement
from isthmus.api.record import RecordBatch
from isthmus.transforms.columns import BatchTransformation


class RegexRouter(BatchTransformation):
    """Renames the topic if the whole of its name matches. Java: RegexRouter."""

    def __init__(self) -> None:
        self._pattern = compile_regex("")
        self._replacement = compile_replacement("", self._pattern)

    def config(self) -> ConfigDef:
        return (
            ConfigDef()
            .define(
                "regex",
                Type.STRING,
                importance=Importance.HIGH,
                validator=ValidRegex(),
                documentation="A regular expression that the whole name of the topic must match.",
            )
            .define(
                "replacement",
                Type.STRING,
                importance=Importance.HIGH,
                documentation="The new name; $1 stands for the first group of the pattern.",
            )
        )

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        self._pattern = compile_regex(str(options["regex"]))
        self._replacement = compile_replacement(str(options["replacement"]), self._pattern)

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        if not self._pattern.fullmatch(batch.topic):
            return (batch,)
        # The first match need not be the whole name: Java, too, looks again from the start.
        topic = self._pattern.sub(self._replacement, batch.topic, count=1)
        return (batch.replace(topic=topic),)
