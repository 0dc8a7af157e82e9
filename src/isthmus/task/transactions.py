"""The producer of an exactly-once source task: records and offsets in transactions (KIP-618).

Any error is the end of the task. What one more attempt may help against, librdkafka has tried.
"""

import logging
import time
from collections.abc import Sequence
from threading import Event
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message

from isthmus.api.errors import ConnectError
from isthmus.api.record import SourceBatch
from isthmus.channel import ConnectorTaskId
from isthmus.config.clients import ClientConfig
from isthmus.task.errors import ErrorPolicy, TaskStoppedError
from isthmus.task.record_producer import Delivered, RecordProducer
from isthmus.task.submitted import OffsetRecord

log = logging.getLogger(__name__)

#: A call of librdkafka goes on from where it was when it is made again after this time.
_SLICE: Final = 1.0
#: How long the end of a task may wait for the brokers to end its transaction at once.
_ABORT_TIMEOUT: Final = 5.0
_DEFAULT_TRANSACTION_TIMEOUT: Final = 60_000
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001  # confluent-kafka's public names begin so
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)
#: What librdkafka says when the cause is one that it has told before.
_FOLLOWS: Final = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001
        KafkaError._STATE,  # noqa: SLF001
    }
)
_PURGED: Final = frozenset(
    {
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
    }
)


class TransactionalProducer(RecordProducer):
    """For the task's thread."""

    def __init__(
        self, client: ClientConfig, errors: ErrorPolicy, stopping: Event, id: ConnectorTaskId
    ) -> None:
        super().__init__(client, errors, stopping)
        self._id = id
        self._transactional_id = client.settings["transactional.id"]
        timeout = client.settings.get("transaction.timeout.ms", _DEFAULT_TRANSACTION_TIMEOUT)
        self._transaction_timeout = int(timeout) / 1000
        self._cause: KafkaError | None = None
        self._began = 0.0
        self.is_open = False
        #: How many records were given to the producer, and how many of them Kafka has taken.
        self.submitted = 0
        self.acknowledged = 0

    def prepare(self) -> None:
        """Take over the transactional id: whoever wrote under it before cannot any more.

        Raises:
            ConnectError: Kafka refuses it.
            TaskStoppedError: The task is to stop.
        """
        while not self._stopping.is_set():
            try:
                self._producer.init_transactions(_SLICE)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise ConnectError(
                        f"Task {self._id} cannot write under the transactional id"
                        f" {self._transactional_id}: {error.args[0].str()}"
                    ) from error
            else:
                return
        raise TaskStoppedError

    def begin(self) -> None:
        """Open a transaction, unless one is open.

        Raises:
            ConnectError: There can be none.
        """
        if self.is_open:
            return
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._error(_SENDING, error.args[0]) from error
        self.is_open = True
        self._began = time.monotonic()

    def send(self, batch: SourceBatch, delivered: Delivered | None = None) -> None:
        """Submit all records of a batch in their order, within the open transaction.

        Raises:
            ConnectError: A record was refused, perhaps one of an earlier batch.
            TaskStoppedError: The task is to stop and the client has no room for more.
        """
        self.submitted += len(batch)
        try:
            super().send(batch, delivered or self._delivered)
        except KafkaException as error:  # raised within a callback
            raise self._error(_SENDING, error.args[0]) from error

    def send_offsets(self, topic: str, records: Sequence[OffsetRecord]) -> None:
        """Submit records of the offsets topic, within the open transaction.

        Raises:
            ConnectError: They were refused.
        """
        for key, value in records:
            while True:
                try:
                    self._producer.produce(topic, value, key, on_delivery=self._delivered_offset)
                    break
                except BufferError:
                    self._producer.poll(_SLICE)
                except KafkaException as error:
                    raise self._error(self._flushing, error.args[0]) from error

    def poll(self) -> None:
        """Take what Kafka has answered.

        Raises:
            ConnectError: The transaction has failed, or another producer has taken over.
        """
        try:
            super().poll()
        except KafkaException as error:
            raise self._error(_SENDING, error.args[0]) from error

    def commit(self) -> None:
        """Wait until all is in Kafka, and end the transaction: readers see it all at once.

        Raises:
            ConnectError: It cannot be; nothing of it will ever be seen.
        """
        while self.is_open:
            try:
                self._producer.commit_transaction(_SLICE)
                self.is_open = False
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise self._error(self._flushing, error.args[0]) from error
        self.raise_failure()

    def abort(self, timeout: float | None = None) -> None:
        """End the transaction, so that nothing of it will ever be seen; within `timeout` seconds.

        Raises:
            ConnectError: It cannot be ended.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.is_open:
            try:
                self._producer.abort_transaction(_SLICE if timeout is None else min(1, timeout))
                self.is_open = False
            except KafkaException as error:
                is_late = deadline is not None and time.monotonic() > deadline
                if is_late or not error.args[0].retriable():
                    raise self._error(self._flushing, error.args[0]) from error

    def close(self) -> None:
        """Abort what is open, so that nobody waits for it, and let the client go."""
        try:
            self.abort(_ABORT_TIMEOUT)
        except ConnectError as error:
            log.info("The last transaction was not aborted, the brokers will: %s", error)
        try:
            super().close()
        except KafkaException as error:  # said before; it is said again with each callback
            log.debug("The producer is closed with an error: %s", error)

    @property
    def _flushing(self) -> str:
        return f"Failed to flush offsets and/or records for task {self._id}"

    def _delivered(self, error: KafkaError | None, _message: Message | None) -> None:
        self.acknowledged += 1
        self._delivered_offset(error, _message)

    def _delivered_offset(self, error: KafkaError | None, _message: Message | None) -> None:
        if error is not None and error.code() not in _PURGED:
            self._cause = self._cause or error

    def _refused_at_once(
        self, error: KafkaError, batch: SourceBatch, row: int, delivered: Delivered
    ) -> None:
        """Fail: what is missing in a transaction cannot be tolerated, as in Java."""
        raise self._error(_SENDING, error)

    def _client_failed(self, error: KafkaError) -> None:
        if error.fatal():
            self._cause = self._cause or error
            self._failure = self._failure or self._error(_SENDING, error)
        else:
            super()._client_failed(error)

    def _error(self, what: str, error: KafkaError) -> ConnectError:
        """Return the error in Java's words, by its first cause."""
        if error.code() in _FOLLOWS and self._cause is not None:
            error = self._cause
        if error.code() not in _FENCED:
            return ConnectError(f"{what}: {error.str()}")
        age = time.monotonic() - self._began if self.is_open else 0.0
        # Nothing that is still open is ours to end. librdkafka would wait for it.
        self.is_open = False
        if age >= self._transaction_timeout:
            # The brokers end a transaction that is too old as if there were another producer.
            return ConnectError(_EXPIRED.format(self._id))
        return ConnectError(
            f"{what}: There is a newer producer with the same transactionalId which fences the"
            " current one."
        )


_SENDING: Final = "Unrecoverable exception trying to send"
_EXPIRED: Final = (
    "The task {} was unable to finish writing records to Kafka before its producer transaction"
    " expired. It may be necessary to reconfigure this connector in order for it to run healthily"
    " with exactly-once support. Options for this include: tune the connector's producer"
    " configuration for higher throughput, increase the transaction timeout for the connector's"
    " producers, decrease the offset commit interval (if using interval-based transaction"
    " boundaries), or use the 'poll' transaction boundary (if the connector is not already"
    " configured to use it)."
)
