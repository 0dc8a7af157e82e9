"""The settings of the JSON Schema converter and the names that it uses in schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.api.config_def import CaseInsensitiveValidString, ConfigDef, Importance, Type

ONE_OF: Final = "io.confluent.connect.json.OneOf"
ONE_OF_FIELD: Final = f"{ONE_OF}.field."
ENUM: Final = "io.confluent.connect.json.Enum"
GENERALIZED_UNION: Final = "org.apache.kafka.connect.data.Union"
GENERALIZED_ENUM: Final = "org.apache.kafka.connect.data.Enum"
UNION_NAME: Final = "connect_union"
UNION_FIELD: Final = "connect_union_field_"

TYPE: Final = "connect.type"
INDEX: Final = "connect.index"
VERSION: Final = "connect.version"
PARAMETERS: Final = "connect.parameters"

KEY: Final = "key"
VALUE: Final = "value"


@dataclass(frozen=True, slots=True)
class JsonSchemaOptions:
    """What the converter's config says about the mapping."""

    additional_properties: bool = True
    optional_if_not_required: bool = False
    generalized: bool = False
    ignore_defaults: bool = False
    validate: bool = False
    numeric_decimals: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "JsonSchemaOptions":
        """Return what parsed settings say."""
        flags = {option: settings[name] is True for name, option, _, _ in _SETTINGS}
        return cls(**flags, numeric_decimals=str(settings[_DECIMALS]).upper() == "NUMERIC")


def define_json_options(definition: ConfigDef) -> ConfigDef:
    """Add the settings of the mapping."""
    for name, _, default, documentation in _SETTINGS:
        definition.define(
            name, Type.BOOLEAN, default, importance=Importance.MEDIUM, documentation=documentation
        )
    return definition.define(
        _DECIMALS,
        Type.STRING,
        "BASE64",
        importance=Importance.LOW,
        documentation="How decimals are written: BASE64 text or NUMERIC.",
        validator=CaseInsensitiveValidString("BASE64", "NUMERIC"),
    )


_DECIMALS: Final = "decimal.format"
_SETTINGS: Final = (
    (
        "object.additional.properties",
        "additional_properties",
        True,
        "Let schemas of ours allow members that they do not name.",
    ),
    (
        "use.optional.for.nonrequired",
        "optional_if_not_required",
        False,
        "Take members that a schema does not require for optional, and require the others in ours.",
    ),
    (
        "generalized.sum.type.support",
        "generalized",
        False,
        "Use for unions and enums what converters of other formats use.",
    ),
    (
        "ignore.default.for.nullables",
        "ignore_defaults",
        False,
        "Write and read null as null where there is a default.",
    ),
    (
        "json.fail.invalid.schema",
        "validate",
        False,
        "Fail on data that is not valid by its schema.",
    ),
)
