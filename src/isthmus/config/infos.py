"""Definitions and values of settings as the REST API shows them. Java: ConfigInfos.

The keys of each dict are in the order of the wire. All values are strings or null.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from isthmus.api.config_def import ConfigKey, ConfigValue, Type, to_text

Info = dict[str, object]


def config_infos(
    name: str, groups: Sequence[str], keys: Mapping[str, ConfigKey], values: Sequence[ConfigValue]
) -> Info:
    """Return what validation found. `name` is `connector.class` as given.

    Values that nothing defines come first, then all definitions in their order.
    """
    by_name = {value.name: value for value in values}
    configs = [_config_info(None, value) for value in values if value.name not in keys]
    configs += [_config_info(key, by_name.get(key.name)) for key in keys.values()]
    return {
        "name": name,
        "error_count": sum(len(value.error_messages) for value in by_name.values()),
        "groups": list(groups),
        "configs": configs,
    }


def extend_infos(infos: Info, keys: Mapping[str, ConfigKey], values: Sequence[ConfigValue]) -> Info:
    """Return `infos` with client overrides or converter options added at the end.

    `values` are in the order of the wire. For these, Java counts the settings with errors and not
    the errors.
    """
    added_groups = [group for value in values if (group := _group(keys.get(value.name)))]
    groups = list(dict.fromkeys([*cast("list[str]", infos["groups"]), *added_groups]))
    configs = cast("list[Info]", infos["configs"])
    errors = cast("int", infos["error_count"])
    added = [_config_info(keys.get(value.name), value) for value in values]
    wrong = sum(1 for value in values if value.error_messages)
    return infos | {
        "error_count": errors + wrong,
        "groups": groups,
        "configs": [*configs, *added],
    }


def _group(key: ConfigKey | None) -> str | None:
    return None if key is None else key.group


def in_hash_order(names: Iterable[str]) -> list[str]:
    """Return names in the order in which Java's HashMap has them.

    Java shows client overrides and converter options in it, and so do we: forms and scripts that
    go by position find the same.
    """
    given = list(dict.fromkeys(names))
    buckets = 16
    while len(given) > buckets * 3 // 4:
        buckets *= 2
    return sorted(given, key=lambda name: _spread_hash(name) & (buckets - 1))


def _spread_hash(text: str) -> int:
    value = 0
    units = text.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & 0xFFFFFFFF
    return value ^ value >> 16


def _config_info(key: ConfigKey | None, value: ConfigValue | None) -> Info:
    return {
        "definition": None if key is None else config_key_info(key),
        "value": None if value is None else config_value_info(value, key and key.type),
    }


def config_key_info(key: ConfigKey) -> Info:
    """Return one definition. Java: ConfigKeyInfo."""
    return {
        "name": key.name,
        "type": key.type.value,
        "required": key.required,
        "default_value": None if key.required else to_text(key.default, key.type),
        "importance": key.importance.value,
        "documentation": key.documentation,
        "group": key.group,
        "order_in_group": key.order_in_group,
        "width": key.width.value,
        "display_name": key.display_name,
        "dependents": list(key.dependents),
    }


def config_value_info(value: ConfigValue, type: Type | None) -> Info:
    """Return one value. Java: ConfigValueInfo."""
    item_type = Type.STRING if type is Type.LIST else type
    return {
        "name": value.name,
        "value": to_text(value.value, type),
        "recommended_values": [to_text(each, item_type) for each in value.recommended_values],
        "errors": value.error_messages,
        "visible": value.visible,
    }
