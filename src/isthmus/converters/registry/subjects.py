"""Under which subject a schema stands in the registry.

    TopicNameStrategy          <topic>-key, <topic>-value
    RecordNameStrategy         the record's full name
    TopicRecordNameStrategy    <topic>-<the record's full name>

Apicurio calls the same an artifact resolver strategy, and knows the topic's bare name as well.
"""

from collections.abc import Callable, Mapping
from typing import Final

from isthmus.api.errors import ConfigError, DataError

#: topic, whether it is of keys, the record's full name or None → subject
SubjectName = Callable[[str, bool, str | None], str]


def _topic_name(topic: str, is_key: bool, record: str | None) -> str:
    return f"{topic}-key" if is_key else f"{topic}-value"


def _plain_topic_name(topic: str, is_key: bool, record: str | None) -> str:
    return topic


def _record_name(topic: str, is_key: bool, record: str | None) -> str:
    if record is None:
        what = "key" if is_key else "value"
        raise DataError(
            f"In configuration {what}.subject.name.strategy ="
            f" io.confluent.kafka.serializers.subject.RecordNameStrategy, the message {what} must"
            " only be a record schema"
        )
    return record


def _topic_record_name(topic: str, is_key: bool, record: str | None) -> str:
    return f"{topic}-{_record_name(topic, is_key, record)}"


_STRATEGIES: Final[Mapping[str, SubjectName]] = {
    "TopicNameStrategy": _topic_name,
    "RecordNameStrategy": _record_name,
    "TopicRecordNameStrategy": _topic_record_name,
    "TopicIdStrategy": _topic_name,
    "SimpleTopicIdStrategy": _plain_topic_name,
    "RecordIdStrategy": _record_name,
    "QualifiedRecordIdStrategy": _record_name,
    "TopicRecordIdStrategy": _topic_record_name,
}


def subject_name(setting: str, class_name: str) -> SubjectName:
    """Return the strategy of a class that a config names, with or without its package.

    Raises:
        ConfigError: It is none of those known.
    """
    strategy = _STRATEGIES.get(class_name.strip().rpartition(".")[2])
    if strategy is None:
        expected = f"Expected one of {', '.join(_STRATEGIES)}, with or without a package"
        raise ConfigError.invalid(setting, class_name, expected)
    return strategy
