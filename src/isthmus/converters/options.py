"""The option that all converters have. Java: ConverterConfig."""

from collections.abc import Mapping

from isthmus.api.config_def import ConfigDef, Importance, Type, ValidString

_TYPE = "converter.type"


def converter_config() -> ConfigDef:
    """Return a definition with `converter.type` alone, for converters to add their own to."""
    return ConfigDef().define(
        _TYPE,
        Type.STRING,
        importance=Importance.LOW,
        documentation="What the converter is used for; set by the runtime.",
        validator=ValidString("key", "value", "header"),
    )


def with_type(config: Mapping[str, str], *, is_key: bool | None) -> dict[str, str]:
    """Return the options with `converter.type`; None means that headers are converted."""
    used_for = {True: "key", False: "value", None: "header"}[is_key]
    return {**config, _TYPE: used_for}
