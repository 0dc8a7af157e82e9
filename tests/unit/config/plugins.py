"""A handful of plugins to name in settings."""

from collections.abc import Sequence

from isthmus.api.config_def import ConfigDef, Importance, Type, ValidList
from isthmus.api.errors import ConfigError

_CLASSES = {
    "converter": {"JsonConverter": "org.apache.kafka.connect.json.JsonConverter"},
    "header_converter": {},
    "transformation": {"MaskField": "x.MaskField", "Hides": "x.Hides"},
    "predicate": {"TopicNameMatches": "x.TopicNameMatches"},
}


class FewPlugins:
    """A catalog of four plugins, by alias."""

    def names(self, kind: str) -> Sequence[str]:
        return list(_CLASSES[kind].values())

    def resolve(self, kind: str, name: str) -> str | None:
        if name == "Abstract":
            raise ConfigError("This class is abstract and cannot be created.")
        return _CLASSES[kind].get(name)

    def versions(self, kind: str, name: str) -> Sequence[str]:
        return ["1.9", "2.0"] if kind in _CLASSES and name in _names(kind) else []

    def has_version(self, kind: str, name: str, wanted: str | None) -> bool:
        return wanted != "3"

    def config_def(self, kind: str, class_name: str) -> ConfigDef:
        definition = ConfigDef()
        match class_name:
            case "x.MaskField":
                definition.define(
                    "fields",
                    Type.LIST,
                    validator=ValidList(empty_allowed=False),
                    importance=Importance.HIGH,
                    documentation="Fields.",
                )
            case "x.Hides":
                definition.define(
                    "predicate",
                    Type.INT,
                    1,
                    importance=Importance.LOW,
                    documentation="Its own, which nobody can set.",
                )
            case _:
                definition.define(
                    "pattern", Type.STRING, importance=Importance.MEDIUM, documentation="Pattern."
                )
        return definition


def _names(kind: str) -> set[str]:
    return {*_CLASSES[kind], *_CLASSES[kind].values()}
