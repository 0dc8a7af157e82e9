"""Which topics a sink subscribes to, with a consumer that only knows names."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from isthmus.api.errors import ConfigError
from isthmus.config.connector import SinkTopics
from isthmus.task.subscription import Subscription


class NamesOnly:
    """Knows `topics`, fails while they are None, and notes what is subscribed."""

    def __init__(self, *topics: str) -> None:
        self.topics: tuple[str, ...] | None = topics
        self.subscribed: list[list[str]] = []

    def list_topics(self, timeout: float) -> SimpleNamespace:
        if self.topics is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics=dict.fromkeys(self.topics))

    def subscribe(self, topics: list[str], **_callbacks: Callable[..., None]) -> None:
        self.subscribed.append(topics)

    def unsubscribe(self) -> None:
        self.subscribed.append([])


def subscription(consumer: NamesOnly, topics: SinkTopics, interval: float = 0.0) -> Subscription:
    def ignore(*_: Any) -> None: ...

    return Subscription(
        cast("Consumer", consumer),
        topics,
        interval,
        on_assign=ignore,
        on_revoke=ignore,
        on_lost=ignore,
    )


def test_listed_topics_are_subscribed_once_whether_they_exist_or_not() -> None:
    consumer = NamesOnly()
    listed = subscription(consumer, SinkTopics(("b", "a"), None))

    listed.start()
    listed.refresh()

    assert consumer.subscribed == [["b", "a"]]


def test_topics_that_match_in_full_are_subscribed_anew_when_they_change() -> None:
    consumer = NamesOnly("a1", "a2x", "b1")
    matching = subscription(consumer, SinkTopics((), r"a\d"))
    matching.start()

    matching.refresh()
    consumer.topics = ("a1", "a2")
    matching.refresh()
    consumer.topics = ()
    matching.refresh()

    assert consumer.subscribed == [["a1"], ["a1", "a2"], []]


def test_topics_are_not_listed_again_before_it_is_time() -> None:
    consumer = NamesOnly("a1")
    matching = subscription(consumer, SinkTopics((), r"a\d"), interval=300)
    matching.start()

    consumer.topics = ("a1", "a2")
    matching.refresh()

    assert consumer.subscribed == [["a1"]]


def test_internal_topics_match_nothing() -> None:
    consumer = NamesOnly("__consumer_offsets", "__transaction_state", "mine")

    subscription(consumer, SinkTopics((), ".*")).start()

    assert consumer.subscribed == [["mine"]]


def test_a_broker_that_is_away_leaves_the_subscription_as_it_is() -> None:
    consumer = NamesOnly("a1")
    matching = subscription(consumer, SinkTopics((), r"a\d"))
    matching.start()

    consumer.topics = None
    matching.refresh()

    assert consumer.subscribed == [["a1"]]


@pytest.mark.parametrize("regex", ["(", "[a-z&&[^b]]", r"\p{Alpha}+"])
def test_a_pattern_that_python_cannot_take_or_reads_otherwise_is_refused(regex: str) -> None:
    with pytest.raises(ConfigError, match=r"for configuration topics\.regex: Python's re"):
        subscription(NamesOnly(), SinkTopics((), regex))


def test_digits_are_those_of_ascii_as_in_java() -> None:
    consumer = NamesOnly("a1", "a\N{ARABIC-INDIC DIGIT ONE}")

    subscription(consumer, SinkTopics((), r"a\d")).start()

    assert consumer.subscribed == [["a1"]]
