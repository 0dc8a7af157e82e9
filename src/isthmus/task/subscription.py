r"""Which topics a sink's consumer reads: a list, or all whose names match `topics.regex`.

The names are matched here, with Python's `re`, and the consumer is given a list: librdkafka's own
patterns are POSIX's, which know no `\d` and no look-ahead. As in Java, new topics are noticed when
metadata is refreshed (`consumer.override.metadata.max.age.ms`, five minutes by default), a name
must match in full, and Kafka's internal topics are left out.
"""

import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from isthmus.api.errors import ConfigError
from isthmus.api.java_regex import RegexError, compile_regex
from isthmus.config.connector import SinkTopics

log = logging.getLogger(__name__)

Rebalanced = Callable[[Consumer, list[TopicPartition]], None]

_INTERNAL: Final = frozenset({"__consumer_offsets", "__share_group_state", "__transaction_state"})
#: How long a stop may have to wait for a broker that does not tell its topics.
_TIMEOUT: Final = 2.0
_RETRY: Final = 1.0


class Subscription:
    """Keeps the consumer subscribed to the right topics. For the task's thread.

    Raises:
        ConfigError: `topics.regex` is not a regular expression of Python.
    """

    def __init__(
        self,
        consumer: Consumer,
        topics: SinkTopics,
        refresh_interval: float,
        *,
        on_assign: Rebalanced,
        on_revoke: Rebalanced,
        on_lost: Rebalanced,
    ) -> None:
        self._consumer = consumer
        self._listed = topics.topics
        self._pattern = _compiled(topics.regex) if topics.regex is not None else None
        self._refresh_interval = refresh_interval
        self._callbacks: dict[str, Any] = {
            "on_assign": on_assign,
            "on_revoke": on_revoke,
            "on_lost": on_lost,
        }
        self._subscribed: Sequence[str] = ()
        self._next_refresh = 0.0

    def start(self) -> None:
        """Subscribe for the first time; partitions are assigned within a later `poll`."""
        if self._pattern is None:
            self._subscribe(self._listed)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Follow topics that came or went, if it is time to look."""
        now = time.monotonic()
        if self._pattern is None or now < self._next_refresh:
            return
        try:
            known = self._consumer.list_topics(timeout=_TIMEOUT).topics
        except KafkaException as error:
            log.warning("Topics cannot be listed now: %s", error.args[0].str())
            self._next_refresh = now + _RETRY
            return
        self._next_refresh = now + self._refresh_interval
        matching = sorted(
            name for name in known if self._pattern.fullmatch(name) and name not in _INTERNAL
        )
        if matching != self._subscribed:
            self._subscribe(matching)

    def _subscribe(self, topics: Sequence[str]) -> None:
        log.info("Subscribing: topics=%s", ",".join(topics))
        self._subscribed = topics
        if topics:
            self._consumer.subscribe(list(topics), **self._callbacks)
        else:
            self._consumer.unsubscribe()


def _compiled(regex: str) -> re.Pattern[str]:
    try:
        return compile_regex(regex)
    except RegexError as error:
        reason = f"Python's re does not understand this regular expression: {error}"
        raise ConfigError.invalid("topics.regex", regex, reason) from None
