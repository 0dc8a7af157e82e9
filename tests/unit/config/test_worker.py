from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.properties import read_properties
from isthmus.config.rest_def import HeaderRule, Listener, parse_header_rules
from isthmus.config.worker import WorkerConfig
from tests.unit.config.workers import MINIMUM, worker

_SAMPLE = Path(__file__).parents[3] / "config" / "connect-distributed.properties"


def test_the_sample_starts_a_worker_that_knows_all_of_it() -> None:
    config = WorkerConfig.from_properties(read_properties(_SAMPLE))

    assert config.offset_flush_interval == 10.0
    assert (config.unknown_keys(), config.ignored_keys()) == ([], [])


def test_durations_are_seconds_and_enumerations_lower_case() -> None:
    config = worker(
        {
            "session.timeout.ms": "12500",
            "connect.protocol": "COMPATIBLE",
            "exactly.once.source.support": "Preparing",
            "listeners": "HTTP://localhost:8083",
            "bootstrap.servers": "a:1 , b:2",
        }
    )

    assert config.session_timeout == 12.5
    assert config.values["session.timeout.ms"] == 12500
    assert config.connect_protocol == "compatible"
    assert config.exactly_once_source_support == "preparing"
    assert config.listeners == (Listener("http", "localhost", 8083),)
    assert config.bootstrap_servers == ("a:1", "b:2")
    assert config.plugin_path is None
    assert config.inter_worker_key_ttl == 3600.0


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            {"offset.storage.partitions": "0"},
            "Invalid value 0 for configuration offset.storage.partitions: Number of partitions"
            " must be positive, or -1 to use the broker's default",
        ),
        (
            {"listeners": "ftp://a:1"},
            "Invalid value ftp://a:1 for configuration listeners: Listener protocol must be either"
            ' "http" or "https".',
        ),
        (
            {"listeners": "http://a"},
            "Invalid value http://a for configuration listeners: Listener doesn't have the right"
            " format (protocol://hostname:port).",
        ),
        (
            {"listeners": "http://a:1,"},
            "Empty URL found when parsing listeners list.",
        ),
        (
            {"listeners": ""},
            "Invalid value for listeners, at least one URL is expected,"
            " ex: http://localhost:8080,https://localhost:8443.",
        ),
        (
            {"admin.listeners": "http://a:99999"},
            "Invalid value http://a:99999 for configuration admin.listeners: Port must be a number"
            " from 0 to 65535",
        ),
        (
            {"inter.worker.signature.algorithm": "HmacSHA512"},
            "Invalid value HmacSHA512 for configuration inter.worker.signature.algorithm: Signature"
            " algorithm must be present in inter.worker.verification.algorithms list",
        ),
        (
            {"inter.worker.key.size": "8"},
            "Invalid value 8 for configuration inter.worker.key.size: Unable to create key"
            " generator with algorithm HmacSHA256 and key size 8: key length must be at least 40"
            " bits",
        ),
        (
            {"inter.worker.verification.algorithms": ""},
            "Invalid value [] for configuration inter.worker.verification.algorithms: At least one"
            " signature verification algorithm must be provided",
        ),
        (
            {"heartbeat.interval.ms": "10000"},
            "Invalid value 10000 for configuration heartbeat.interval.ms: Heartbeat must be set"
            " lower than the session timeout, session.timeout.ms=10000",
        ),
        (
            {"bootstrap.servers": "localhost"},
            "Invalid value localhost for configuration bootstrap.servers: expected host:port",
        ),
        (
            {"connect.protocol": "lazy"},
            "Invalid value lazy for configuration connect.protocol: Invalid Connect protocol"
            " compatibility",
        ),
        (
            {"rest.advertised.listener": "ftp"},
            "Invalid value ftp for configuration rest.advertised.listener: Advertised listener must"
            ' be either "http" or "https"',
        ),
        (
            {"connector.client.config.override.policy": "Some"},
            "Invalid value Some for configuration connector.client.config.override.policy: expected"
            " one of All, None, Principal, Allowlist; a policy of one's own is not supported,"
            " connector.client.config.override.allowlist takes any list of settings",
        ),
        (
            {"response.http.headers.config": "put X:1"},
            "Invalid value put X:1 for configuration response.http.headers.config: Invalid"
            " header config action: 'put'. Expected one of [set, add, setDate, addDate]",
        ),
    ],
)
def test_a_wrong_property_is_named_with_what_was_expected(
    props: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        worker(props)

    assert str(caught.value) == message


@pytest.mark.parametrize("key", MINIMUM)
def test_a_required_property_is_missed(key: str) -> None:
    props = {name: value for name, value in MINIMUM.items() if name != key}

    with pytest.raises(ConfigError) as caught:
        WorkerConfig.from_properties(props)

    assert str(caught.value) == (
        f'Missing required configuration "{key}" which has no default value.'
    )


def test_an_algorithm_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"HmacX.*supported algorithms are: \[HmacMD5, .*SHA256"):
        worker({"inter.worker.key.generation.algorithm": "HmacX"})


@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [
        ("offset.flush.interval.ms", "hunter2-secret", "Not a number of type LONG"),
        ("rest.advertised.port", "-7", "Value must be at least 1"),
        ("bootstrap.servers", "hunter2-secret", "expected host:port"),
        ("rest.advertised.listener", "hunter2", 'Advertised listener must be either "http" or'),
        ("listeners", "hunter2-secret", "Listener doesn't have the right format"),
        ("connector.client.config.override.policy", "abc", "expected one of All"),
        ("stall.timeout.ms", "s3cret", "Not a number"),
    ],
)
def test_a_wrong_value_from_a_config_provider_is_told_by_its_variable(
    tmp_path: Path, key: str, secret: str, expected: str
) -> None:
    file = tmp_path / "s.properties"
    file.write_text(f"k={secret}\n")
    props = {
        "config.providers": "file",
        "config.providers.file.class": "FileConfigProvider",
        key: f"${{file:{file}:k}}",
    }

    with pytest.raises(ConfigError) as caught:
        worker(props)

    text = str(caught.value)
    assert text.startswith(f"Invalid value ${{file:{file}:k}} for configuration {key}: {expected}")
    assert secret not in text.replace(str(file), "")


def test_variables_are_filled_in_but_in_plugin_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUP", "blue")
    config = worker(
        {
            "config.providers": "env",
            "config.providers.env.class": "EnvVarConfigProvider",
            "group.id": "${env:GROUP}",
            "plugin.path": "/opt/${env:GROUP}",
        }
    )

    assert config.group_id == "blue"
    assert config.raw["group.id"] == "${env:GROUP}"
    assert config.plugin_path == ("/opt/${env:GROUP}",)
    assert config.transformer.transform({"a": "${env:GROUP}"}) == {"a": "blue"}


def test_properties_with_a_prefix_lose_it() -> None:
    config = worker({"producer.acks": "1", "producer.linger.ms": "9", "consumer.x": "y"})

    assert config.with_prefix("producer.") == {"acks": "1", "linger.ms": "9"}


def test_an_internal_topic_takes_its_settings_and_is_always_compacted() -> None:
    config = worker(
        {
            "offset.storage.partitions": "7",
            "offset.storage.replication.factor": "-1",
            "offset.storage.min.insync.replicas": "2",
            "offset.storage.cleanup.policy": "delete",
            "config.storage.partitions": "3",
        }
    )

    offsets, configs = config.internal_topic("offset"), config.internal_topic("config")

    assert (offsets.name, offsets.property) == ("connect-offsets", "offset.storage.topic")
    assert (offsets.partitions, offsets.replication_factor) == (7, -1)
    assert offsets.settings == {"min.insync.replicas": "2", "cleanup.policy": "compact"}
    assert (configs.partitions, configs.replication_factor) == (1, 3)
    assert dict(config.ignored_keys()) == {
        "offset.storage.cleanup.policy": "the internal topics are always compacted",
        "config.storage.partitions": "the config topic always has one partition",
    }


def test_a_key_that_nothing_reads_is_told_with_the_one_that_was_likely_meant() -> None:
    config = worker(
        {
            "group.idd": "x",
            "offset.storage.replication.facotr": "1",
            "utter.nonsense": "1",
            "producer.anything": "1",
            "key.converter.schemas.enable": "false",
            "config.providers.file.class": "x",
            "metrics.context.site": "x",
            "listeners.https.ssl.keystore.type": "PEM",
            "status.storage.retention.ms": "1",
            "max.request.size": "1",
        }
    )

    assert config.unknown_keys() == [
        ("group.idd", "group.id"),
        ("offset.storage.replication.facotr", "offset.storage.replication.factor"),
        ("utter.nonsense", None),
    ]


def test_a_removed_key_is_told_with_its_successor() -> None:
    config = worker({"rest.port": "8083", "internal.key.converter.schemas.enable": "false"})

    assert config.unknown_keys() == []
    assert dict(config.ignored_keys()) == {
        "rest.port": "removed in Kafka 3.0; use listeners",
        "internal.key.converter.schemas.enable": (
            "since Kafka 3.0 internal data is always JSON without schemas"
        ),
    }


@pytest.mark.parametrize(
    ("props", "url"),
    [
        ({"listeners": "http://h:8083"}, "http://h:8083/"),
        ({"listeners": "https://h:8443"}, "https://h:8443/"),
        ({"listeners": "https://s:8443,http://h:8083"}, "http://h:8083/"),
        (
            {"listeners": "https://s:8443,http://h:8083", "rest.advertised.listener": "HTTPS"},
            "https://s:8443/",
        ),
        (
            {"rest.advertised.host.name": "out", "rest.advertised.port": "80"},
            "http://out:80/",
        ),
        ({"listeners": "http://[::1]:8083"}, "http://[::1]:8083/"),
    ],
)
def test_other_workers_are_told_the_advertised_address(props: dict[str, str], url: str) -> None:
    config = worker(props)

    assert config.advertised_url() == url
    assert config.worker_id() == url.partition("//")[2].rstrip("/")


def test_the_port_that_was_bound_is_advertised_in_place_of_zero() -> None:
    config = worker({"listeners": "http://h:0"})

    assert config.advertised_url([Listener("http", "h", 40123)]) == "http://h:40123/"


@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]"])
def test_an_address_that_leads_nowhere_is_not_advertised(host: str) -> None:
    url = worker({"listeners": f"http://{host}:8083"}).advertised_url()

    assert url.startswith("http://")
    assert url not in {"http://:8083/", "http://0.0.0.0:8083/", "http://[::]:8083/"}


def test_header_rules_may_hold_commas_in_quotes() -> None:
    rules = parse_header_rules('set X-Frame-Options:DENY, "add Cache-Control: no-cache, no-store"')

    assert rules == [
        HeaderRule("set", "X-Frame-Options", "DENY"),
        HeaderRule("add", "Cache-Control", "no-cache, no-store"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Invalid format of header config 'x'. Expected: '[action] [header name]:[header"),
        ("set X", "Invalid format of header name and header value pair 'X'. Expected: '[header"),
        ("set X Y:1", "Invalid header name 'X Y'. The '[header name]' cannot contain whitespace"),
    ],
)
def test_a_wrong_header_rule_is_told_in_javas_words(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_header_rules(text)

    assert str(caught.value).startswith(message)


def test_nobody_reads_a_secret_in_a_printed_worker() -> None:
    config = worker({"sasl.jaas.config": "hush", "ssl.key.password": "hush"})

    assert "hush" not in repr(config)
    assert config.originals["ssl.key.password"] == "hush"
