"""The settings of the Protobuf converter and the names that it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.api.config_def import ConfigDef, Importance, Type

_PREFIX: Final = "io.confluent.connect.protobuf"
ENUM: Final = f"{_PREFIX}.Enum"
UNION: Final = f"{_PREFIX}.Union"
#: The parameter of a field that keeps its number.
TAG: Final = f"{_PREFIX}.Tag"
GENERALIZED_UNION: Final = "org.apache.kafka.connect.data.Union"
GENERALIZED_ENUM: Final = "org.apache.kafka.connect.data.Enum"
TYPE: Final = "connect.type"
DEFAULT_NAME: Final = "ConnectDefault"

TIMESTAMP: Final = "google.protobuf.Timestamp"
DATE: Final = "google.type.Date"
TIME_OF_DAY: Final = "google.type.TimeOfDay"
DECIMAL: Final = "confluent.type.Decimal"
WRAPPERS: Final = "google/protobuf/wrappers.proto"


@dataclass(frozen=True, slots=True)
class ProtobufOptions:
    """What the converter's config says about the mapping."""

    enhanced: bool = False
    optional: bool = False
    wrappers: bool = False
    indexed_unions: bool = True
    flatten_unions: bool = False
    scrub_names: bool = False
    int_enums: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "ProtobufOptions":
        """Return what parsed settings say."""
        return cls(**{option: settings[name] is True for name, option, _, _ in _SETTINGS})


def define_protobuf_options(definition: ConfigDef) -> ConfigDef:
    """Add the settings of the mapping."""
    for name, _, default, documentation in _SETTINGS:
        definition.define(
            name, Type.BOOLEAN, default, importance=Importance.MEDIUM, documentation=documentation
        )
    return definition


_SETTINGS: Final = (
    ("enhanced.protobuf.schema.support", "enhanced", False, "Keep the packages of messages."),
    ("optional.for.nullables", "optional", False, "Give optional members the label `optional`."),
    (
        "wrapper.for.nullables",
        "wrappers",
        False,
        "Write optional members as google.protobuf's wrappers, and read those as plain values.",
    ),
    ("generate.index.for.unions", "indexed_unions", True, "Call a oneof's struct `<oneof>_0`."),
    ("flatten.unions", "flatten_unions", False, "Read the members of a oneof as plain members."),
    (
        "scrub.invalid.names",
        "scrub_names",
        False,
        "Replace characters that Protobuf does not allow in names by underscores.",
    ),
    ("int.for.enums", "int_enums", False, "Read enums as their numbers."),
)
