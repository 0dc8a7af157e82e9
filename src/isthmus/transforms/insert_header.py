"""Adds the same header to every record."""

from collections.abc import Mapping, Sequence

from isthmus.api.config_def import ConfigDef, Importance, NonNullValidator, Type
from isthmus.api.record import Header, RecordBatch
from isthmus.api.values import parse_string
from isthmus.transforms.columns import BatchTransformation


class InsertHeader(BatchTransformation):
    """Appends a header, beside others of its name. Java: InsertHeader."""

    def __init__(self) -> None:
        self._header = Header("", None)

    def config(self) -> ConfigDef:
        return (
            ConfigDef()
            .define(
                "header",
                Type.STRING,
                importance=Importance.HIGH,
                validator=NonNullValidator(),
                documentation="The name of the header.",
            )
            .define(
                "value.literal",
                Type.STRING,
                importance=Importance.HIGH,
                validator=NonNullValidator(),
                documentation="The value of the header. Its type is found from the text: 5 is a"
                " number, true a boolean, [1,2] an array, and what is nothing else a string.",
            )
        )

    def configure(self, config: Mapping[str, str]) -> None:
        options = self.config().parse(config)
        schema, value = parse_string(str(options["value.literal"]))
        self._header = Header(str(options["header"]), value, schema)

    def apply_batch(self, batch: RecordBatch) -> Sequence[RecordBatch]:
        added = (self._header,)
        if batch.headers is None:
            return (batch.replace(headers=[added] * len(batch)),)
        return (batch.replace(headers=[headers + added for headers in batch.headers]),)
