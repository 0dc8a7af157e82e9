from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from isthmus.api.errors import ConfigError, RetriableError
from isthmus.kafka.admin import TopicAdmin


def test_what_librdkafka_was_not_built_for_is_told_as_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"settings of Kafka clients cannot be used: .*PEM"):
        TopicAdmin({"bootstrap.servers": "a:1", "security.protocol": "ssl", "ssl.ca.pem": "x"})


class ClientWithoutOffsets:
    """Answers as librdkafka does whose connection timed out: no error, and no offset."""

    def poll(self, timeout: float) -> int:
        return 0

    def list_topics(self, topic: str, timeout: float) -> None:
        pass

    def list_offsets(self, asked: Iterable[Any], **_: object) -> dict[Any, Future[Any]]:
        answer: Future[Any] = Future()
        answer.set_result(SimpleNamespace(offset=-1001))
        return dict.fromkeys(asked, answer)


def test_an_answer_without_an_offset_is_no_end_of_a_topic() -> None:
    admin: Any = TopicAdmin({"bootstrap.servers": "127.0.0.1:1"})
    admin._client = ClientWithoutOffsets()

    with pytest.raises(RetriableError, match="brokers gave no offset"):
        admin.end_offsets("configs", [0])
