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
