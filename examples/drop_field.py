"""A transformation: takes one field out of values that are maps."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from isthmus.api.config_def import ConfigDef, Importance, NonEmptyString, Type
from isthmus.api.record import RecordBatch
from isthmus.api.transformation import AnyRecord, Transformation


class DropField(Transformation):
    """Leaves values alone that are no maps."""

    def __init__(self) -> None:
        self._field = ""

    def config(self) -> ConfigDef:
        return ConfigDef().define(
            "field",
            Type.STRING,
            validator=NonEmptyString(),
            importance=Importance.HIGH,
            documentation="The field to take out.",
        )

    def configure(self, config: Mapping[str, str]) -> None:
        self._field = str(self.config().parse(config)["field"])

    def apply(self, record: AnyRecord) -> AnyRecord | None:
        record.value = self._without(record.value)
        return record

    # Not needed, only faster: no record is made for a row.
    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        return [batch.replace(values=[self._without(value) for value in batch.values])]

    def _without(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        # A new map: the connector, or other records, may hold the same one.
        return {key: item for key, item in fields.items() if key != self._field}
