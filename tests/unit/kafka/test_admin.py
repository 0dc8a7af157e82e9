import pytest

from isthmus.api.errors import ConfigError
from isthmus.kafka.admin import TopicAdmin


def test_what_librdkafka_was_not_built_for_is_told_as_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"settings of Kafka clients cannot be used: .*PEM"):
        TopicAdmin({"bootstrap.servers": "a:1", "security.protocol": "ssl", "ssl.ca.pem": "x"})
