"""The settings of the Avro converter and the names that it uses in schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.api.config_def import ConfigDef, Importance, Type

NAMESPACE: Final = "io.confluent.connect.avro"
DEFAULT_NAME: Final = "ConnectDefault"
MAP_ENTRY: Final = "MapEntry"
UNION: Final = f"{NAMESPACE}.Union"
#: What unions and enums are called with `generalized.sum.type.support`.
GENERALIZED_UNION: Final = "org.apache.kafka.connect.data.Union"
GENERALIZED_ENUM: Final = "org.apache.kafka.connect.data.Enum"
UNION_NAME: Final = "connect_union"
UNION_FIELD: Final = "connect_union_field_"
#: The parameter of a string that was an enum: its full name; with `.SYMBOL` behind, a symbol.
ENUM: Final = f"{NAMESPACE}.Enum"
FIXED_SIZE: Final = "connect.fixed.size"
PRECISION: Final = "connect.decimal.precision"
DEFAULT_PRECISION: Final = 64

# Properties in Avro schemas that say what Connect had.
NAME: Final = "connect.name"
VERSION: Final = "connect.version"
DOC: Final = "connect.doc"
PARAMETERS: Final = "connect.parameters"
DEFAULT: Final = "connect.default"
TYPE: Final = "connect.type"
INTERNAL_TYPE: Final = "connect.internal.type"


@dataclass(frozen=True, slots=True)
class AvroOptions:
    """What the Avro converter's config says about the mapping."""

    enhanced: bool = False
    meta_data: bool = True
    scrub_names: bool = False
    generalized: bool = False
    flatten_singletons: bool = False
    optional_map_keys: bool = False
    ignore_defaults: bool = False
    discard: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "AvroOptions":
        """Return what parsed settings say."""
        return cls(**{option: settings[name] is True for name, option, _, _ in _SETTINGS})


def define_avro_options(definition: ConfigDef) -> ConfigDef:
    """Add the settings of the mapping."""
    for name, _, default, documentation in _SETTINGS:
        definition.define(
            name, Type.BOOLEAN, default, importance=Importance.MEDIUM, documentation=documentation
        )
    return definition


_SETTINGS: Final = (
    (
        "enhanced.avro.schema.support",
        "enhanced",
        False,
        "Keep enums, and the namespaces of the records in unions.",
    ),
    ("connect.meta.data", "meta_data", True, "Write what only Connect knows as properties."),
    (
        "scrub.invalid.names",
        "scrub_names",
        False,
        "Replace characters that Avro does not allow in names by underscores.",
    ),
    (
        "generalized.sum.type.support",
        "generalized",
        False,
        "Use for unions and enums what converters of other formats use.",
    ),
    (
        "flatten.singleton.unions",
        "flatten_singletons",
        False,
        "Read a union of one type as that type.",
    ),
    (
        "allow.optional.map.keys",
        "optional_map_keys",
        False,
        "Write maps with optional string keys as Avro maps.",
    ),
    (
        "ignore.default.for.nullables",
        "ignore_defaults",
        False,
        "Write null, not the default, for null in an optional field that has one.",
    ),
    (
        "discard.type.doc.default",
        "discard",
        False,
        "Leave documentation and defaults of types out of what is read.",
    ),
)
