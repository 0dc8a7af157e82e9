import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.connector_def import source_config_def
from isthmus.config.topic_creation import (
    enrich_topic_creation,
    has_topic_creation,
    topic_creation_groups,
)

_DEFAULTS = {
    "topic.creation.default.partitions": "3",
    "topic.creation.default.replication.factor": "-1",
}


def test_the_first_group_that_matches_creates_the_topic() -> None:
    groups = topic_creation_groups(
        _DEFAULTS
        | {
            "topic.creation.groups": "compacted, logs, default",
            "topic.creation.compacted.include": "a.*,b",
            "topic.creation.compacted.exclude": "ab.*",
            "topic.creation.compacted.cleanup.policy": "compact",
            "topic.creation.logs.include": "a.*",
            "topic.creation.logs.partitions": "9",
        }
    )

    def group_of(topic: str) -> str:
        return next(group.name for group in groups if group.matches(topic))

    assert [group_of(topic) for topic in ("ac", "b", "abc", "bb", "x")] == [
        "compacted",
        "compacted",
        "logs",
        "default",
        "default",
    ]
    assert [(group.partitions, group.replication_factor) for group in groups] == [
        (3, -1),
        (9, -1),
        (3, -1),
    ]
    assert groups[0].settings == {"cleanup.policy": "compact"}


def test_a_group_that_includes_nothing_takes_no_topic() -> None:
    groups = topic_creation_groups(_DEFAULTS | {"topic.creation.groups": "g"})

    assert not groups[0].matches("x")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"topic.creation.default.partitions": "1"},
            'Missing required configuration "topic.creation.default.replication.factor" which has'
            " no default value.",
        ),
        (
            _DEFAULTS | {"topic.creation.groups": "g", "topic.creation.g.partitions": "0"},
            "Invalid value 0 for configuration partitions: Number of partitions must be positive,"
            " or -1 to use the broker's default",
        ),
    ],
)
def test_a_group_that_is_incomplete_is_told(config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        topic_creation_groups(config)

    assert str(caught.value) == message


def test_a_wrong_pattern_is_told() -> None:
    config = _DEFAULTS | {"topic.creation.groups": "g", "topic.creation.g.include": "["}

    with pytest.raises(ConfigError, match=r"topic\.creation\.g\.include: Invalid regex"):
        topic_creation_groups(config)


def test_validation_shows_each_group_with_the_defaults_of_the_default_group() -> None:
    config = _DEFAULTS | {"topic.creation.groups": "g"}

    enriched = enrich_topic_creation(source_config_def(), config)

    own = [key for key in enriched if key.name.startswith("topic.creation.g.")]
    assert [(key.name, key.default, key.display_name) for key in own] == [
        ("topic.creation.g.include", [], "Inclusion Topic Pattern for Topic Creation: g"),
        ("topic.creation.g.exclude", [], "Exclusion Topic Pattern for Topic Creation: g"),
        (
            "topic.creation.g.replication.factor",
            -1,
            "Replication Factor for Topics in Topic Creation: g",
        ),
        ("topic.creation.g.partitions", 3, "Partition Count for Topics in Topic Creation: g"),
    ]


def test_topic_creation_is_asked_for_by_any_of_its_settings() -> None:
    assert has_topic_creation(_DEFAULTS)
    assert not has_topic_creation({"topics": "x"})
