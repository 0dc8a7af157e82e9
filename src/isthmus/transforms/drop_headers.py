"""Drops headers by name."""

from collections.abc import Mapping, Sequence
from typing import cast

from isthmus.api.config_def import ConfigDef, Importance, Type, ValidList
from isthmus.api.record import RecordBatch
from isthmus.transforms.columns import BatchTransformation


class DropHeaders(BatchTransformation):
    """Drops all headers of some names. Java: DropHeaders."""

    def __init__(self) -> None:
        self._names = frozenset[str]()

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "headers",
            Type.LIST,
            importance=Importance.HIGH,
            validator=ValidList(empty_allowed=False),
            documentation="The names of the headers to drop.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        self._names = frozenset(cast("list[str]", self.config().parse(config)["headers"]))

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        if batch.headers is None:
            return (batch,)
        names = self._names
        left = [tuple(h for h in headers if h.key not in names) for headers in batch.headers]
        return (batch.replace(headers=left if any(left) else None),)
