import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.client_keys import ClientKind
from isthmus.config.override_policy import build_override_policy, clients_used

_POLICY = "connector.client.config.override.policy"
_ALLOWLIST = "connector.client.config.override.allowlist"
_OVERRIDES = {
    "producer.override.linger.ms": "5",
    "producer.override.sasl.jaas.config": "x",
    "consumer.override.max.poll.records": "7",
}


@pytest.mark.parametrize(
    ("worker", "name", "refused"),
    [
        ({}, "All", []),
        ({_POLICY: "None"}, "None", ["linger.ms", "sasl.jaas.config"]),
        ({_POLICY: "Principal"}, "Principal", ["linger.ms"]),
        ({_POLICY: "Allowlist"}, "Allowlist", ["linger.ms", "sasl.jaas.config"]),
        ({_POLICY: "Allowlist", _ALLOWLIST: "linger.ms"}, "Allowlist", ["sasl.jaas.config"]),
        (
            {
                _POLICY: "org.apache.kafka.connect.connector.policy."
                "NoneConnectorClientConfigOverridePolicy"
            },
            "None",
            ["linger.ms", "sasl.jaas.config"],
        ),
    ],
)
def test_a_policy_refuses_what_it_does_not_allow(
    worker: dict[str, str], name: str, refused: list[str]
) -> None:
    values = build_override_policy(worker).validate(_OVERRIDES, ClientKind.PRODUCER)

    assert [value.name for value in values] == [
        "producer.override.linger.ms",
        "producer.override.sasl.jaas.config",
    ]
    assert [text for value in values for text in value.error_messages] == [
        f"The '{name}' policy does not allow '{key}' to be overridden in the connector"
        " configuration."
        for key in refused
    ]


def test_what_validation_let_through_is_refused_when_the_client_is_built() -> None:
    policy = build_override_policy({_POLICY: "None"})

    policy.check(_OVERRIDES, ClientKind.ADMIN)
    with pytest.raises(ConfigError) as caught:
        policy.check(_OVERRIDES, ClientKind.CONSUMER)

    assert str(caught.value) == (
        "Client Config Overrides not allowed [The 'None' policy does not allow 'max.poll.records'"
        " to be overridden in the connector configuration.]"
    )


def test_a_policy_of_ones_own_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        build_override_policy({_POLICY: "com.example.OurPolicy"})

    assert str(caught.value) == (
        f"Invalid value com.example.OurPolicy for configuration {_POLICY}: expected one of All,"
        " None, Principal, Allowlist; a policy of one's own is not supported, "
        f"{_ALLOWLIST} takes any list of settings"
    )


@pytest.mark.parametrize(
    ("config", "is_source", "exactly_once", "kinds"),
    [
        ({}, True, False, "producer"),
        ({"topic.creation.default.partitions": "1"}, True, False, "producer admin"),
        ({"offsets.storage.topic": "x"}, True, False, "producer consumer admin"),
        ({"offsets.storage.topic": " "}, True, False, "producer"),
        ({}, True, True, "producer consumer admin"),
        ({}, False, True, "consumer"),
        (
            {"errors.deadletterqueue.topic.name": "d"},
            False,
            False,
            "producer consumer admin",
        ),
    ],
)
def test_only_clients_that_the_connector_uses_are_looked_at(
    config: dict[str, str], is_source: bool, exactly_once: bool, kinds: str
) -> None:
    used = clients_used(config, is_source=is_source, exactly_once=exactly_once)

    assert " ".join(used) == kinds
