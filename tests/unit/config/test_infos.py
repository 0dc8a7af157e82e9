from typing import cast

from isthmus.api.config_def import ConfigDef, ConfigValue, Importance, Type, Width
from isthmus.config.infos import config_infos, extend_infos


def definition() -> ConfigDef:
    return (
        ConfigDef()
        .define(
            "l",
            Type.LIST,
            "x,y",
            importance=Importance.LOW,
            documentation="doc",
            group="g",
            order_in_group=1,
            width=Width.SHORT,
            display_name="L",
            dependents=["p"],
        )
        .define("p", Type.PASSWORD, "secret", importance=Importance.HIGH, documentation="doc")
        .define("r", Type.INT, importance=Importance.HIGH, documentation="doc")
    )


def test_the_answer_has_the_shape_that_java_was_seen_to_give() -> None:
    values = definition().validate({"l": "a, b", "p": "hush"})
    values[0].recommended_values = ["q", 1]
    values.append(ConfigValue("extra", "v", [1, "2"], ["bad"]))

    infos = config_infos("C", definition().groups, definition().keys, values)

    assert infos == {
        "name": "C",
        "error_count": 2,
        "groups": ["g"],
        "configs": [
            {
                "definition": None,
                "value": {
                    "name": "extra",
                    "value": "v",
                    "recommended_values": ["1", "2"],
                    "errors": ["bad"],
                    "visible": True,
                },
            },
            {
                "definition": {
                    "name": "l",
                    "type": "LIST",
                    "required": False,
                    "default_value": "x,y",
                    "importance": "LOW",
                    "documentation": "doc",
                    "group": "g",
                    "order_in_group": 1,
                    "width": "SHORT",
                    "display_name": "L",
                    "dependents": ["p"],
                },
                "value": {
                    "name": "l",
                    "value": "a,b",
                    "recommended_values": ["q", "1"],
                    "errors": [],
                    "visible": True,
                },
            },
            {
                "definition": {
                    "name": "p",
                    "type": "PASSWORD",
                    "required": False,
                    "default_value": "[hidden]",
                    "importance": "HIGH",
                    "documentation": "doc",
                    "group": None,
                    "order_in_group": -1,
                    "width": "NONE",
                    "display_name": "p",
                    "dependents": [],
                },
                "value": {
                    "name": "p",
                    "value": "[hidden]",
                    "recommended_values": [],
                    "errors": [],
                    "visible": True,
                },
            },
            {
                "definition": {
                    "name": "r",
                    "type": "INT",
                    "required": True,
                    "default_value": None,
                    "importance": "HIGH",
                    "documentation": "doc",
                    "group": None,
                    "order_in_group": -1,
                    "width": "NONE",
                    "display_name": "r",
                    "dependents": [],
                },
                "value": {
                    "name": "r",
                    "value": None,
                    "recommended_values": [],
                    "errors": ['Missing required configuration "r" which has no default value.'],
                    "visible": True,
                },
            },
        ],
    }


def test_client_overrides_count_once_each_however_many_errors_they_have() -> None:
    infos = config_infos("C", [], {}, [])
    override = ConfigValue("producer.override.x", "1", [], ["one", "two"])

    extended = extend_infos(infos, {}, [override, ConfigValue("producer.override.y", "2")])

    assert extended["error_count"] == 1
    configs = cast("list[dict[str, dict[str, object]]]", extended["configs"])
    assert [each["value"]["name"] for each in configs] == [
        "producer.override.x",
        "producer.override.y",
    ]
