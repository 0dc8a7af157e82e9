"""A real Apache Kafka, one node in KRaft mode, that we start and end.

What stands in its directory:

    data/               the topics, kept from start to start
    server.properties   written anew at each start
    port                the port that was found, so that clients find it there again
    server.log          the broker's log (rolled at 10 MB, three older ones kept)
    kafka.out           what the JVM prints by itself

It listens on the loopback interface only.
"""

import base64
import subprocess
import time
import uuid
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import javaproperties
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from isthmus.api.errors import ConnectError
from isthmus.embedded.jars import class_path, read_list
from isthmus.embedded.java import find_java
from isthmus.embedded.process import ServerProcess, free_port, is_free, last_lines

KAFKA_VERSION = "4.3.1"

_STOP_SECONDS = 30.0
_FORMAT_SECONDS = 60.0

# The smallest that work on one node: five partitions instead of fifty spare the first consumer
# and the first transaction a second; a group need not wait for more members.
_SMALL = {
    "offsets.topic.num.partitions": "5",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "5",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "5",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}

_LOGGING = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:kafka.logs.dir}/server.log
appender.file.filePattern = ${sys:kafka.logs.dir}/server.log.%i
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


def broker_properties(
    data: Path, port: int, controller_port: int, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the broker's settings.

    `extra` overrides ours, but `listeners` in it (`SSL://127.0.0.1:9093,…`) come on top of the
    plain one, which we need ourselves. A listener may be named like its security protocol, or
    be in `listener.security.protocol.map`.
    """
    listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    protocols = (
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
        "SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
    )
    added = {
        "listeners": listeners,
        "listener.security.protocol.map": protocols,
    }
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(data),
        **_SMALL,
        **extra,
        **{key: f"{ours},{extra[key]}" if key in extra else ours for key, ours in added.items()},
    }


class EmbeddedKafka:
    """One broker, our child process. For one thread, which must outlive the broker.

    The first start in a directory makes the cluster, each later one continues it. The JVM ends with
    us: in order by `stop`, at once if we are killed (see `die_with_parent`). After a kill the next
    start takes nine seconds more: Kafka waits until the session of its former self has expired.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        heap_mb: int = 512,
        extra: Mapping[str, str] | None = None,
        *,
        short_lived: bool = False,
    ) -> None:
        """Prepare, start nothing.

        Args:
            directory: Where everything of it is kept.
            port: Where it listens; None for a free one, the same at each start.
            heap_mb: The size of its heap; it takes some 200 MB more.
            extra: Broker settings, see `broker_properties`.
            short_lived: Compile only quickly, for a sooner start (2.2 s for 2.6 s) and less CPU in
                the first minute; the throughput that it could come to is lower.
        """
        self._directory = directory.absolute()
        self._chosen_port = port
        self._port: int | None = None
        self._heap_mb = heap_mb
        self._extra = dict(extra or {})
        self._short_lived = short_lived
        self._process: ServerProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        if self._port is None:
            raise ConnectError(f"The Kafka in {self._directory} was not started")
        return f"127.0.0.1:{self._port}"

    @property
    def server_log(self) -> Path:
        return self._directory / "server.log"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ConnectError(f"The Kafka in {self._directory} was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout: float = 60.0) -> None:
        """Start the broker and return when it answers; what must be downloaded takes longer.

        Raises:
            ConnectError: Its port is taken, it ended, or it did not answer in time; the text holds
                the end of its log.
        """
        if self.is_running:
            raise ConnectError(f"The Kafka in {self._directory} is running already")
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port = self._find_port()
        java = find_java()
        libraries = class_path(read_list(_jar_list()))
        self._write_configuration()
        if not (self._data / "meta.properties").exists():
            self._format(java, libraries)
        command = [str(java), *self._jvm_options(), "-cp", libraries, "kafka.Kafka"]
        command.append(str(self._properties_file))
        self._process = ServerProcess("Kafka", command, self._directory / "kafka.out")
        self._process.start()
        try:
            self._wait_until_it_answers(self._process, timeout)
        except BaseException:
            self._process.kill()
            raise

    def stop(self) -> None:
        """End the broker in order; it may be started again."""
        if self._process is not None:
            self._process.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        if self._process is not None:
            self._process.kill()

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _properties_file(self) -> Path:
        return self._directory / "server.properties"

    @property
    def _logging_file(self) -> Path:
        return self._directory / "log4j2.properties"

    def _find_port(self) -> int:
        kept = self._directory / "port"
        if self._chosen_port is not None:
            port = self._chosen_port
        elif kept.exists():
            port = int(kept.read_text())
        else:
            port = free_port()
        if not is_free(port):
            raise ConnectError(
                f"Kafka in {self._directory} cannot listen on 127.0.0.1:{port}: the port is taken. "
                "End what listens there (a Kafka of an earlier run?) or choose another port."
            )
        kept.write_text(f"{port}\n")
        return port

    def _write_configuration(self) -> None:
        assert self._port is not None
        # Nobody but the broker itself knows the controller's port: it need not stay the same.
        settings = broker_properties(self._data, self._port, free_port(), self._extra)
        text = javaproperties.dumps(settings, timestamp=False)
        self._properties_file.write_text(text, encoding="ascii")
        self._logging_file.write_text(_LOGGING, encoding="ascii")

    def _jvm_options(self) -> list[str]:
        options = [
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",  # small heaps: less memory and threads, no longer pauses
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dkafka.logs.dir={self._directory}",
            f"-Dlog4j2.configurationFile={self._logging_file}",
        ]
        return [*options, "-XX:TieredStopAtLevel=1"] if self._short_lived else options

    def _format(self, java: Path, libraries: str) -> None:
        """Make an empty cluster in the data directory, with an identity of its own."""
        command = [str(java), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command += ["-Dlog4j2.level=OFF", "-cp", libraries, "kafka.tools.StorageTool"]
        command += ["format", f"--cluster-id={_new_cluster_id()}"]
        command += ["--config", str(self._properties_file)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False
        )
        if done.returncode != 0:
            raise ConnectError(
                f"Kafka could not make a cluster in {self._data}, exit code {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )

    def _wait_until_it_answers(self, process: ServerProcess, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        last: object = "nothing"
        while time.monotonic() < deadline:
            if process.exit_code is not None:
                raise ConnectError(
                    f"Kafka in {self._directory} ended with exit code {process.exit_code}:\n"
                    f"{self._log_end()}"
                )
            assert self._port is not None
            # A client of librdkafka's backs off after refused connections, so it comes second.
            if not is_free(self._port):
                last = self._ask(min(5.0, deadline - time.monotonic()))
                if last is None:
                    return
            time.sleep(0.02)
        raise ConnectError(
            f"Kafka in {self._directory} did not answer within {timeout:.0f} s; last seen: {last}\n"
            f"{self._log_end()}"
        )

    def _ask(self, timeout: float) -> str | None:
        """Ask the broker for its metadata; return what is wrong, or None."""
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            brokers = cast(Any, client.list_topics(timeout=timeout)).brokers
        except KafkaException as error:
            return str(error)
        return None if brokers else "an answer that names no broker"

    def _log_end(self) -> str:
        output = last_lines(self._directory / "kafka.out")
        return f"{last_lines(self.server_log)}\n{output}".strip()


def _jar_list() -> Any:
    return resources.files("isthmus.embedded") / f"kafka-{KAFKA_VERSION}.jars"


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
