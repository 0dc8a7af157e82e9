"""Writes in transactions, whose writer the next one with the same id fences out (KIP-618).

A leader writes the config topic so, and whoever changes the offsets of a stopped source those.
Java: KafkaConfigBackingStore's fencable producer.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from isthmus.api.errors import ConnectError

Record = tuple[bytes, bytes | None]

#: How long one look at a call that takes its time is; a stop is noticed in between.
_SLICE = 0.5


class PrivilegedWriteError(ConnectError):
    """The write failed, or nobody knows; the privilege to write must be claimed anew.

    Java: PrivilegedWriteException.
    """


class TransactionalWriter:
    """Writes to a topic, each call in a transaction. For the event loop only.

    Who has claimed its transactional id last may write; the writes of those before fail, and what
    they have not committed is never seen by readers of what is committed.
    """

    def __init__(self, topic: str, settings: Mapping[str, Any]) -> None:
        """`settings` are those of a producer, with its transactional id."""
        self._topic = topic
        self._settings = dict(settings)
        self._thread = ThreadPoolExecutor(1, f"{topic}-transactions")
        self._stopping = threading.Event()
        #: On the thread alone; it may still be about to claim.
        self._producer: Producer | None = None
        self._claimed = False

    @property
    def is_claimed(self) -> bool:
        """Whether the privilege to write was claimed, and no write has failed since."""
        return self._claimed

    async def claim(self, timeout: float) -> None:
        """Fence out all who claimed it before, unless that is done.

        A claim that took too long goes on, and the next call waits for it again.

        Raises:
            ConnectError: The brokers refuse it, or have not done it in `timeout` seconds.
        """
        if not self._claimed:
            await self._on_thread(self._claim, timeout)
            self._claimed = True

    async def relinquish(self) -> None:
        """Give up the privilege to write: it is another's."""
        if self._claimed:
            self._claimed = False
            await self._on_thread(self._drop)

    async def write(self, records: Sequence[Record], timeout: float) -> None:
        """Write the records, all or none of them.

        Raises:
            PrivilegedWriteError: It failed, or took longer than `timeout` seconds.
        """
        if not self._claimed:
            raise PrivilegedWriteError(
                f"Cannot produce to topic {self._topic} without claiming write privileges first"
            )
        try:
            await self._on_thread(self._write, list(records), timeout)
        except BaseException:
            # Also when nobody waits any longer: what has become of the transaction is not known.
            self._claimed = False
            if not self._stopping.is_set():
                self._thread.submit(self._drop)
            raise

    async def stop(self) -> None:
        self._stopping.set()
        self._claimed = False
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _on_thread(self, action: Callable[..., None], *arguments: object) -> None:
        if self._stopping.is_set():
            raise self._stopped()
        await asyncio.get_running_loop().run_in_executor(self._thread, action, *arguments)

    def _claim(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        try:
            if self._producer is None:
                self._producer = Producer(self._settings)
            self._finish(self._producer.init_transactions, deadline)
        except (KafkaException, TypeError, ValueError) as error:
            if not _is_under_way(error):
                self._drop()
            raise ConnectError(
                f"Failed to create and initialize fencable producer for topic {self._topic}:"
                f" {_reason(error)}"
            ) from error

    def _write(self, records: Sequence[Record], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        producer = self._producer
        assert producer is not None, "claimed without a producer"
        try:
            producer.begin_transaction()
            for key, value in records:
                producer.produce(self._topic, value, key, on_delivery=delivered)
            self._finish(producer.commit_transaction, deadline)
        except (KafkaException, BufferError) as error:
            reasons = [failure.str() for failure in failures] or [_reason(error)]
            raise PrivilegedWriteError(
                f"Failed to perform fencable send to topic {self._topic}: {reasons[0]}"
            ) from error

    def _finish(self, call: Callable[[float], object], deadline: float) -> None:
        """Call until it has done what it does; one that was not done in time goes on with it."""
        while not self._stopping.is_set():
            left = deadline - time.monotonic()
            try:
                call(max(0.0, min(_SLICE, left)))
            except KafkaException as error:
                if left <= 0 or not _is_under_way(error):
                    raise
            else:
                return
        raise self._stopped()

    def _drop(self) -> None:
        self._producer = None

    def _stopped(self) -> PrivilegedWriteError:
        return PrivilegedWriteError(
            f"topic {self._topic} is not written any more: the worker is stopping"
        )


def _is_under_way(error: Exception) -> bool:
    """Tell whether the same call, made again, would go on with what it has begun."""
    reason = error.args[0] if isinstance(error, KafkaException) else None
    return isinstance(reason, KafkaError) and reason.retriable()


def _reason(error: Exception) -> str:
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)
