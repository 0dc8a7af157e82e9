"""Workers against a Kafka that wants to know who calls, on every path that they have to it.

Membership of the group goes by kafka-python, the topics' logs and the data by librdkafka; offsets
of a sink are read by one and deleted by the other.
"""

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from confluent_kafka import Consumer, TopicPartition

from isthmus.config.tls import client_context
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.process import free_port
from isthmus.embedded.worker_process import WorkerProcess
from tests.cluster.test_start import one_error_line, run_worker
from tests.support.cluster import Cluster, child_pids, expect, expect_value, file_sink, file_source
from tests.support.secured import (
    CLIENT_SECRET,
    OAUTH_LOGIN,
    PLAIN_LOGIN,
    SCRAM_LOGIN,
    SECRETS,
    USER,
    SecuredKafka,
    secured_kafka,
)

#: What a config provider has for the variable that connectors are given.
_PROVIDED = "secret-of-a-provider"
_JSON = "org.apache.kafka.connect.json.JsonConverter"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


def plain(kafka: SecuredKafka) -> dict[str, str]:
    return {
        "bootstrap.servers": kafka.addresses["SASL_PLAINTEXT"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": PLAIN_LOGIN,
    }


def scram_over_tls(kafka: SecuredKafka) -> dict[str, str]:
    return {
        "bootstrap.servers": kafka.addresses["SASL_SSL"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": SCRAM_LOGIN,
        **kafka.stores.trusted(),
    }


def oauth(kafka: SecuredKafka) -> dict[str, str]:
    return {
        "bootstrap.servers": kafka.addresses["SASL_PLAINTEXT"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": OAUTH_LOGIN,
        "sasl.oauthbearer.token.endpoint.url": kafka.identity.url,
        "sasl.oauthbearer.client.credentials.client.id": USER,
        "sasl.oauthbearer.client.credentials.client.secret": CLIENT_SECRET,
    }


def mutual_tls(kafka: SecuredKafka) -> dict[str, str]:
    return {
        "bootstrap.servers": kafka.addresses["SSL"],
        "security.protocol": "SSL",
        **kafka.stores.trusted(),
        **kafka.stores.identity(),
    }


def for_all_clients(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for the worker, and those of its connectors' clients."""
    prefixes = ("", "producer.", "consumer.", "admin.")
    return {f"{prefix}{key}": value for prefix in prefixes for key, value in settings.items()}


def closed_cluster(kafka: SecuredKafka, directory: Path, settings: dict[str, str]) -> Cluster:
    cluster = Cluster(settings["bootstrap.servers"], directory)
    cluster.properties |= for_all_clients(settings)
    (directory / "secrets.properties").write_text(f"k={_PROVIDED}\n")
    cluster.properties |= {
        "config.providers": "file",
        "config.providers.file.class": "FileConfigProvider",
    }
    return cluster


def variable(cluster: Cluster) -> str:
    return f"${{file:{cluster.directory}/secrets.properties:k}}"


def records(kafka: EmbeddedKafka, topic: str) -> int:
    """Return how many records the topic's only partition has."""
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "nobody"}
    consumer = Consumer(settings)
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        return high - low
    finally:
        consumer.close()


def take_every_path(cluster: Cluster, kafka: EmbeddedKafka, topic: str) -> None:
    """Move a file through a topic, with a dead letter; read, delete and reset the offsets."""
    lines, copy = cluster.directory / "lines.txt", cluster.directory / "copy.txt"
    lines.write_text('"a"\noops\n"b"\n')
    created = {"topic.creation.default.partitions": "1"}
    created["topic.creation.default.replication.factor"] = "1"
    cluster.create("lines-in", {**file_source(lines, topic), **created})
    sink = file_sink(copy, topic) | {
        "value.converter": _JSON,
        "value.converter.schemas.enable": "false",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": f"{topic}-dead",
        "errors.deadletterqueue.topic.replication.factor": "1",
    }
    cluster.create("lines-out", sink)
    expect("the copy", lambda: copy.exists() and copy.read_text() == "a\nb\n", 60)
    expect_value("dead letters", lambda: records(kafka, f"{topic}-dead"), 1)

    offset = {"kafka_topic": topic, "kafka_partition": 0}
    read = f"the offset of {topic}"
    expect_value(read, lambda: offsets(cluster, "lines-out"), [(offset, {"kafka_offset": 3})])
    assert cluster.request("PUT", "/connectors/lines-out/stop")[0] == 204
    cluster.expect_states("lines-out", "STOPPED")
    forget = {"offsets": [{"partition": offset, "offset": None}]}
    status, answer = cluster.request("PATCH", "/connectors/lines-out/offsets", forget)
    assert status == 200, answer
    assert offsets(cluster, "lines-out") == []
    status, answer = cluster.request("DELETE", "/connectors/lines-out/offsets")
    assert status == 200, answer


def offsets(cluster: Cluster, name: str) -> list[tuple[Any, Any]]:
    _, answer = cluster.request("GET", f"/connectors/{name}/offsets")
    return [(each["partition"], each["offset"]) for each in answer["offsets"]]


def expect_no_secrets(cluster: Cluster) -> None:
    """Look for the secrets wherever others could read them."""
    places: dict[str, str] = {}
    for worker in cluster.running:
        places[f"log of {worker.name}"] = worker.log.read_text()
        for pid in (worker.pid, *child_pids(worker.pid)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a validation may just have ended
                process = psutil.Process(pid)
                places[f"command line of {pid}"] = " ".join(process.cmdline())
                places[f"environment of {pid}"] = json.dumps(process.environ())
    for path in ("/", "/connectors?expand=status", "/connector-plugins", "/admin/loggers"):
        places[path] = json.dumps(cluster.request("GET", path)[1])
    places["validation"] = json.dumps(validated_with_secrets(cluster))

    assert {place for place, text in places.items() if leaked(text)} == set()


def leaked(text: str) -> list[str]:
    return [secret for secret in (*SECRETS, _PROVIDED) if secret in text]


def validated_with_secrets(cluster: Cluster) -> object:
    """Return what a validation answers of a config that has secrets in several places."""
    config = file_source(cluster.directory / "x", "x") | {"name": "x"}
    for kind in ("producer", "consumer", "admin"):
        config[f"{kind}.override.sasl.jaas.config"] = PLAIN_LOGIN
        config[f"{kind}.override.ssl.key.password"] = SECRETS[1]
    config["batch.size"] = config["file"] = variable(cluster)
    config["producer.override.linger.ms"] = variable(cluster)
    config["topic"] = f"lines-of-{variable(cluster)}"
    path = "/connector-plugins/FileStreamSource/config/validate"
    status, answer = cluster.request("PUT", path, config)
    assert status == 200, answer
    return answer


def expect_failures_without_secrets(cluster: Cluster, topic: str) -> None:
    """Run connectors whose own logins fail; what they and their log say has no secrets."""
    wrong = {
        "producer.override.security.protocol": "SASL_PLAINTEXT",
        "producer.override.sasl.mechanism": "PLAIN",
        "producer.override.sasl.jaas.config": f"no login module password={SECRETS[0]}",
        "producer.override.ssl.key.password": SECRETS[1],
    }
    lines = cluster.directory / "lines.txt"
    cluster.create("wrong-login", {**file_source(lines, topic), **wrong})
    cluster.expect_states("wrong-login", "RUNNING", "FAILED")
    trace = cluster.status("wrong-login")["tasks"][0]["trace"]
    assert "Invalid value [hidden] for configuration sasl.jaas.config" in trace

    nowhere = file_sink(cluster.directory / variable(cluster) / "x", topic)
    cluster.create("wrong-file", nowhere)
    cluster.expect_states("wrong-file", "RUNNING", "FAILED")
    trace = cluster.status("wrong-file")["tasks"][0]["trace"]
    assert f"No such file or directory: '{cluster.directory}/{variable(cluster)}/x'" in trace


@pytest.mark.parametrize("login", [plain, scram_over_tls, oauth])
def test_every_path_to_kafka_logs_in(
    login: Callable[[SecuredKafka], dict[str, str]],
    secured: SecuredKafka,
    tmp_path: Path,
    topic: str,
) -> None:
    cluster = closed_cluster(secured, tmp_path, login(secured))
    try:
        cluster.start(1)
        take_every_path(cluster, secured.kafka, topic)
        expect_failures_without_secrets(cluster, topic)
        expect_no_secrets(cluster)
        cluster.stop()
    finally:
        cluster.close()


class HttpsWorker(WorkerProcess):
    """A worker whose REST API is for those alone who show a certificate."""

    def __init__(
        self, directory: Path, name: str, properties: Mapping[str, str], tls: ssl.SSLContext
    ) -> None:
        port = free_port()
        listeners = {"listeners": f"https://127.0.0.1:{port}"}
        super().__init__(directory, name, {**properties, **listeners})
        self.port = port
        self._http = urllib3.PoolManager(retries=False, ssl_context=tls)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


def test_workers_show_certificates_to_kafka_and_to_each_other(
    secured: SecuredKafka, tmp_path: Path, topic: str
) -> None:
    """Requests are forwarded, and task configs signed, between two workers over HTTPS."""
    tls = {**secured.stores.trusted(), **secured.stores.identity()}
    cluster = closed_cluster(secured, tmp_path, mutual_tls(secured))
    own = {f"listeners.https.{key}": value for key, value in tls.items()}
    properties = {**cluster.properties, **own, "listeners.https.ssl.client.auth": "required"}
    context = client_context(tls)
    for number in (1, 2):
        worker = HttpsWorker(tmp_path, f"worker-{number}", properties, context)
        cluster.workers.append(worker)
        worker.start()
    try:
        for worker in cluster.workers:
            worker.wait_until_ready()
        follower = cluster.follower()
        for name in ("first", "second"):
            config = file_source(tmp_path / f"{name}.txt", f"{topic}-{name}")
            (tmp_path / f"{name}.txt").write_text("x\n")
            cluster.create(name, config, on=follower)
        for name in ("first", "second"):
            cluster.expect_running(name)
        owners = {cluster.owner(name).name for name in ("first", "second")}
        assert owners == {"worker-1", "worker-2"}, "a follower gave its task configs to the leader"
        take_every_path(cluster, secured.kafka, topic)
        expect_no_secrets(cluster)
        nobody = urllib3.PoolManager(
            retries=False, ssl_context=client_context(secured.stores.trusted())
        )
        with pytest.raises(urllib3.exceptions.HTTPError):
            nobody.request("GET", cluster.workers[0].url, timeout=10.0)
        cluster.stop()
    finally:
        cluster.close()


def test_a_wrong_password_is_told_in_one_line_without_the_password(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    settings = plain(secured) | {
        "sasl.jaas.config": PLAIN_LOGIN.replace(SECRETS[0], "wrong-secret"),
        "request.timeout.ms": "3000",
        "sasl.login.read.timeout.ms": "10000",
    }
    cluster = closed_cluster(secured, tmp_path, settings)
    listeners = {"listeners": f"http://127.0.0.1:{free_port()}"}

    code, log = run_worker(tmp_path, {**cluster.properties, **listeners})

    assert code == 2
    assert "Check worker's broker connection and security properties" in one_error_line(log)
    assert "wrong-secret" not in log
    in_vain = [line for line in log.splitlines() if "without effect" in line]
    assert len(in_vain) == 1
    assert "Kafka client settings without effect: sasl.login.read.timeout.ms" in in_vain[0]
