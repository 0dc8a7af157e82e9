"""Writes records that failed to a dead-letter topic (KIP-298). Java: DeadLetterQueueReporter.

What a letter holds is in `letters.py`. With `errors.deadletterqueue.context.headers.enable` headers
follow its own that say what went wrong where. In Java there are dead letters of sinks only; ours of
sources have two more headers, `…source.partition` and `…source.offset`.
"""

# confluent-kafka's types stop at its futures.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false

import logging
import traceback
from collections.abc import Mapping
from threading import Event
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from isthmus import logs, secrets
from isthmus.api.errors import (
    ConfigError,
    ConnectError,
    DataError,
    IllegalWorkerStateError,
    RetriableError,
    SchemaBuilderError,
)
from isthmus.channel import StartTask
from isthmus.config.client_keys import ClientKind
from isthmus.config.clients import connector_admin_config, dlq_producer_config
from isthmus.config.worker import WorkerConfig
from isthmus.task.errors import ErrorSettings, Failure, TaskStoppedError
from isthmus.task.letters import Letter, letter_of
from isthmus.task.metrics import ErrorCounts

log = logging.getLogger(__name__)

_ADMIN_TIMEOUT: Final = 30.0
_SLICE: Final = 0.1
_CLOSE_TIMEOUT: Final = 1.0
_HEADER: Final = "__connect.errors."
_JAVA_ERRORS: Final = "org.apache.kafka.connect.errors."
#: Readers of dead letters tell errors apart by these names.
_JAVA_NAMES: Final[Mapping[type[Exception], str]] = {
    ConfigError: "org.apache.kafka.common.config.ConfigException",
    ConnectError: f"{_JAVA_ERRORS}ConnectException",
    DataError: f"{_JAVA_ERRORS}DataException",
    IllegalWorkerStateError: f"{_JAVA_ERRORS}IllegalWorkerStateException",
    RetriableError: f"{_JAVA_ERRORS}RetriableException",
    SchemaBuilderError: f"{_JAVA_ERRORS}SchemaBuilderException",
}


class DeadLetterQueue:
    """The dead-letter topic of one task. `report` from any thread, the rest from its own.

    Building it creates the topic, with one partition, if it is not there.
    """

    def __init__(
        self,
        settings: ErrorSettings,
        job: StartTask,
        worker: WorkerConfig,
        stopping: Event,
        counts: ErrorCounts,
    ) -> None:
        self._counts = counts
        config = job.connector_config
        worker.override_policy.check(config, ClientKind.PRODUCER)
        worker.override_policy.check(config, ClientKind.ADMIN)
        self.topic = settings.dead_letter_topic
        self._job = job
        self._with_context = settings.dead_letter_context
        self._stopping = stopping
        self._is_closing = False
        admin_id = f"connector-dlq-adminclient-{job.connector}-{job.task}"
        admin: dict[str, Any] = {
            **connector_admin_config(worker, config, admin_id).settings,
            "logger": logs.librdkafka_logger(),
        }
        _create(AdminClient(admin), self.topic, settings.dead_letter_replication_factor)
        client: dict[str, Any] = {
            **dlq_producer_config(worker, config, job.connector, job.task).settings,
            "logger": logs.librdkafka_logger(),
        }
        self._producer = Producer(client)

    def report(self, failure: Failure) -> None:
        """Queue one record; that it cannot be written is only logged, as in Java.

        Raises:
            TaskStoppedError: The task is to stop, and there is no room for the record.
        """
        self._counts.deadletterqueue_produce_requests += 1
        letter = letter_of(failure)
        headers = letter.headers
        if self._with_context:
            headers = [*headers, *self._context(failure, letter)]
        arguments = (self.topic, letter.value, letter.key, -1, self._delivered, None)
        self._produce((*arguments, letter.timestamp, headers))

    def _produce(self, arguments: tuple[Any, ...]) -> None:
        while True:
            try:
                self._producer.produce(*arguments)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(_SLICE)
                if self._stopping.is_set():
                    # The record would be lost if its offset were committed now.
                    raise TaskStoppedError from None
            except KafkaException as error:
                self._delivered(error.args[0])
                return

    def flush(self, timeout: float) -> bool:
        """Wait until all records are answered for; return False if some are not in time."""
        return self._producer.flush(timeout) == 0

    def close(self) -> None:
        """Drop what is not in Kafka yet: the offsets of those records are not committed."""
        self._is_closing = True
        self._producer.purge()
        self._producer.flush(_CLOSE_TIMEOUT)

    def _delivered(self, error: KafkaError | None, _message: Message | None = None) -> None:
        if error is not None and not self._is_closing:
            self._counts.deadletterqueue_produce_failures += 1
            log.error("A dead letter was lost: topic=%s error=%s", self.topic, error.str())

    def _context(self, failure: Failure, letter: Letter) -> list[tuple[str, bytes | None]]:
        error = failure.error
        message = str(error) or None
        texts = {
            **letter.place,
            "connector.name": self._job.connector,
            "task.id": str(self._job.task),
            "stage": failure.stage.value,
            "class.name": failure.component,
            "exception.class.name": _class_name(error),
            "exception.message": message and secrets.hide(message),
            "exception.stacktrace": secrets.hide("".join(traceback.format_exception(error))),
        }
        return [
            (_HEADER + name, None if text is None else text.encode("utf-8", "replace"))
            for name, text in texts.items()
        ]


def _create(admin: AdminClient, topic: str, replication_factor: int) -> None:
    try:
        if topic in admin.list_topics(timeout=_ADMIN_TIMEOUT).topics:
            return
        log.info("Creating dead-letter topic: topic=%s", topic)
        wanted = NewTopic(topic, num_partitions=1, replication_factor=replication_factor)
        admin.create_topics([wanted])[topic].result(_ADMIN_TIMEOUT)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ConnectError(
                f"Could not initialize dead letter queue with topic={topic}: {error.args[0].str()}"
            ) from error


def _class_name(error: Exception) -> str:
    plain = type(error)
    return _JAVA_NAMES.get(plain, f"{plain.__module__}.{plain.__qualname__}")
