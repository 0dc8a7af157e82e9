"""Every property that a worker knows is refused when it is wrong; by its definition, not a list."""

from collections.abc import Iterator, Mapping

import pytest

from isthmus.api.config_def import ConfigKey, Range, Type, ValidList
from isthmus.api.errors import ConfigError
from isthmus.config.worker import WorkerConfig
from isthmus.config.worker_def import worker_config_def

_MINIMUM = {
    "bootstrap.servers": "localhost:9092",
    "group.id": "g",
    "key.converter": "x",
    "value.converter": "x",
    "config.storage.topic": "c",
    "offset.storage.topic": "o",
    "status.storage.topic": "s",
}
_NUMBERS: Mapping[Type, int] = {Type.SHORT: 2**15, Type.INT: 2**31, Type.LONG: 2**63}
#: Any text is right for these, if no validator has a say. A class is looked for by a child.
_FREE = (Type.STRING, Type.PASSWORD, Type.CLASS, Type.LIST)


def _wrong_values(key: ConfigKey) -> Iterator[tuple[str, str]]:
    """Yield values that this setting cannot have, with the beginning of what was expected."""
    if key.type is Type.BOOLEAN:
        yield "maybe", "Expected value to be either true or false"
    elif key.type not in _FREE:
        yield "soon", f"Not a number of type {key.type}"
        if key.type in _NUMBERS:
            yield str(_NUMBERS[key.type]), f"Not a number of type {key.type}"
    if isinstance(key.validator, Range):
        for limit, step in ((key.validator.low, -1), (key.validator.high, 1)):
            beyond = None if limit is None else limit + step
            largest = _NUMBERS.get(key.type, 2**63)
            if beyond is not None and abs(beyond) < largest:
                yield str(beyond), "Value must be"
    elif isinstance(key.validator, ValidList) and not key.validator.valid:
        yield "one,,two", ""
    elif key.type in (Type.STRING, Type.LIST) and key.validator is not None:
        yield "no such thing", ""


_WRONG = [
    pytest.param(key, value, expected, id=f"{key.name}={value}")
    for key in worker_config_def()
    for value, expected in _wrong_values(key)
]


@pytest.mark.parametrize(("key", "value", "expected"), _WRONG)
def test_a_property_is_refused_in_one_line_with_its_name_and_what_was_expected(
    key: ConfigKey, value: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        WorkerConfig.from_properties({**_MINIMUM, key.name: value})

    text = str(caught.value)
    if key.type is Type.LIST:  # Java names the key alone, not the value, when an item is empty
        assert key.name in text
    else:
        assert text.startswith(f"Invalid value {value} for configuration {key.name}: {expected}")
    assert not text.endswith(": ")
    assert "\n" not in text


@pytest.mark.parametrize("key", ["key.converter", "value.converter"])
def test_a_converter_without_a_name_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^Invalid value  for configuration {key}: Class  could"):
        WorkerConfig.from_properties({**_MINIMUM, key: " "})
