"""Every property of a worker, with a value that it cannot have."""

import pytest

from isthmus.api.config_def import ConfigKey, Type
from isthmus.api.errors import ConfigError
from isthmus.config.worker import WorkerConfig
from isthmus.config.worker_def import worker_config_def
from tests.unit.config.workers import MINIMUM, worker

_NUMBERS = (Type.SHORT, Type.INT, Type.LONG, Type.DOUBLE)
#: Any text may be their value as far as can be told before it is used.
_FREE_TEXT = (Type.STRING, Type.CLASS, Type.PASSWORD, Type.LIST)
#: Where names are those of plugins, of extensions, and of clients, which tell of them later.
_OPEN = ("admin.", "header.converter.", "key.converter.", "rest.extension.", "value.converter.")
#: What the definition, which is Java's, has no limit for, and the worker has.
_LIMITS = {
    "heartbeat.interval.ms": "0",
    "inter.worker.key.size": "8",
    "offset.flush.interval.ms": "0",
    "offset.flush.timeout.ms": "-1",
    "rebalance.timeout.ms": "0",
    "rest.advertised.listener": "ftp",
    "rest.advertised.port": "-1",
    "session.timeout.ms": "0",
    "task.shutdown.graceful.timeout.ms": "-1",
    "worker.sync.timeout.ms": "-1",
    "worker.unsync.backoff.ms": "-1",
}


def wrong_values(key: ConfigKey) -> list[str]:
    values = [_LIMITS[key.name]] if key.name in _LIMITS else []
    if key.type in _NUMBERS:
        values += ["many", "", "0x10"]
        values += [] if key.type is Type.DOUBLE else ["1.5", "9" * 30]
    elif key.type is Type.BOOLEAN:
        values += ["yes", "1", ""]
    if key.validator is None:
        return values
    if key.type in _NUMBERS:
        return [*values, "-7"]
    return [*values, ",,nonsense,,"]


WRONG = [(key.name, value) for key in worker_config_def() for value in wrong_values(key)]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_ends_the_start_in_one_line_that_names_it(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        worker({name: value})

    text = str(caught.value)
    assert name in text
    assert "\n" not in text


def test_only_free_text_has_no_wrong_value() -> None:
    tried = {name for name, _ in WRONG}

    untried = [key for key in worker_config_def() if key.name not in tried]

    assert [key.name for key in untried if key.type not in _FREE_TEXT] == []


@pytest.mark.parametrize("name", sorted(MINIMUM))
def test_a_missing_property_is_named(name: str) -> None:
    props = {key: value for key, value in MINIMUM.items() if key != name}

    with pytest.raises(ConfigError) as caught:
        WorkerConfig.from_properties(props)

    assert str(caught.value) == (
        f'Missing required configuration "{name}" which has no default value.'
    )


@pytest.mark.parametrize(
    "name", [name for name in worker_config_def().names if not name.startswith(_OPEN)]
)
def test_a_slip_of_the_pen_is_told_with_the_real_name(name: str) -> None:
    slip = f"{name[:-2]}{name[-1]}{name[-2]}x"

    ((unknown, meant),) = worker({slip: "1"}).unknown_keys()

    assert unknown == slip
    assert meant is not None


@pytest.mark.parametrize("prefix", ["listeners.https.", "admin.listeners.https."])
def test_a_slip_in_a_setting_of_listeners_is_told(prefix: str) -> None:
    config = worker({f"{prefix}ssl.keystore.locaton": "x", f"{prefix}ssl.client.auth": "none"})

    assert config.unknown_keys() == [
        (f"{prefix}ssl.keystore.locaton", f"{prefix}ssl.keystore.location")
    ]


@pytest.mark.parametrize(
    ("name", "successor"),
    [
        ("auto.include.jmx.reporter", "metric.reporters"),
        ("config.storage.partitions", "one partition"),
        ("internal.key.converter", "always JSON"),
        ("internal.value.converter.schemas.enable", "always JSON"),
        ("offset.storage.cleanup.policy", "always compacted"),
        ("offset.storage.file.filename", "offset.storage.topic"),
        ("rest.host.name", "listeners"),
        ("rest.port", "listeners"),
    ],
)
def test_a_property_of_older_releases_is_named_with_its_successor(
    name: str, successor: str
) -> None:
    config = worker({name: "1"})

    ((ignored, reason),) = config.ignored_keys()
    assert ignored == name
    assert successor in reason
    assert config.unknown_keys() == []
