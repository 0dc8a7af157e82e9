"""Definitions of settings: what they are called, what they may be, what users read about them.

    definition = ConfigDef().define(
        "file", Type.STRING, importance=Importance.HIGH, documentation="The file to read.",
        validator=NonEmptyString(),
    )
    definition.parse({"file": "a.txt"})      one error ends it: for code that needs the settings
    definition.validate({"file": ""})        all errors at once: for users who wrote them

Settings arrive as text. A value of type CLASS stays the name that was given, since only the
runtime knows where plugins are.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol, cast

from isthmus.api.errors import ConfigError
from isthmus.api.java_numbers import BLANK, parse_double, parse_integer
from isthmus.api.validators import (
    CaseInsensitiveValidString,
    CompositeValidator,
    LambdaValidator,
    NonEmptyString,
    NonEmptyStringWithoutControlChars,
    NonNullValidator,
    Range,
    Validator,
    ValidList,
    ValidRegex,
    ValidString,
)

__all__ = [
    "NO_DEFAULT",
    "CaseInsensitiveValidString",
    "CompositeValidator",
    "ConfigDef",
    "ConfigKey",
    "ConfigValue",
    "Importance",
    "LambdaValidator",
    "NonEmptyString",
    "NonEmptyStringWithoutControlChars",
    "NonNullValidator",
    "Password",
    "Range",
    "Recommender",
    "Type",
    "ValidList",
    "ValidRegex",
    "ValidString",
    "Validator",
    "Width",
    "parse_list",
    "parse_type",
    "to_text",
]

_LIST_SEPARATOR = re.compile(r"[ \t\n\x0b\f\r]*,[ \t\n\x0b\f\r]*")


class Type(StrEnum):
    """What a setting is. Java: ConfigDef.Type."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"


class Importance(StrEnum):
    """How soon a user should look at a setting. Java: ConfigDef.Importance."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Width(StrEnum):
    """How wide a form should show a setting. Java: ConfigDef.Width."""

    NONE = "NONE"
    SHORT = "SHORT"
    MEDIUM = "MEDIUM"
    LONG = "LONG"


_BITS = {Type.SHORT: 16, Type.INT: 32, Type.LONG: 64}


@dataclass(frozen=True, slots=True)
class Password:
    """A secret that no log and no answer shows. Java: Password."""

    value: str = field(repr=False)

    HIDDEN = "[hidden]"

    def __repr__(self) -> str:
        return "[hidden]"


class Recommender(Protocol):
    """Proposes values that depend on other settings. Java: Recommender."""

    def valid_values(self, name: str, config: Mapping[str, object], /) -> Sequence[object]:
        """Return the values to offer for `name`, given all settings that could be parsed."""
        ...

    def visible(self, name: str, config: Mapping[str, object], /) -> bool:
        """Return whether `name` means anything beside the other settings."""
        ...


class _NoDefault:
    def __repr__(self) -> str:
        return "NO_DEFAULT"


#: The default of a setting that must be given; None is a default like any other.
NO_DEFAULT: Final[object] = _NoDefault()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigKey:
    """One setting. Java: ConfigDef.ConfigKey."""

    name: str
    type: Type
    default: object = NO_DEFAULT
    validator: Validator | None = None
    importance: Importance
    documentation: str
    group: str | None = None
    order_in_group: int = -1
    width: Width = Width.NONE
    display_name: str
    dependents: Sequence[str] = ()
    recommender: Recommender | None = None
    #: For type CLASS: gives the full name of the class for the name or alias that a user wrote,
    #: None if there is none. Without it every name is taken as it is.
    resolver: Callable[[str], str | None] | None = None

    @property
    def required(self) -> bool:
        return self.default is NO_DEFAULT

    def parse(self, props: Mapping[str, str | None]) -> object:
        """Return the value in `props`, or the default, without asking the validator.

        Raises:
            ConfigError: The value is missing, or not of this type.
        """
        if self.name in props:
            text = props[self.name]
            value = parse_type(self.name, text, self.type)
            if self.type is Type.CLASS and isinstance(value, str) and self.resolver is not None:
                value = self.resolver(value)
                if value is None:
                    reason = f"Class {text} could not be found."
                    raise ConfigError.invalid(self.name, text, reason)
            return value
        if self.required:
            raise ConfigError(
                f'Missing required configuration "{self.name}" which has no default value.'
            )
        return self.default

    def check(self, value: object) -> None:
        """Ask the validator.

        Raises:
            ConfigError: The value is not allowed.
        """
        if self.validator is not None:
            self.validator(self.name, value)


@dataclass(slots=True)
class ConfigValue:
    """What became of one setting. Java: ConfigValue."""

    name: str
    value: object = None
    recommended_values: list[object] = field(default_factory=list[object])
    error_messages: list[str] = field(default_factory=list[str])
    visible: bool = True

    def add_error(self, message: str) -> None:
        """Note one more reason why the value cannot be used."""
        self.error_messages.append(message)


class ConfigDef:
    """A list of settings in the order of their definition. Java: ConfigDef."""

    def __init__(self) -> None:
        self._keys: dict[str, ConfigKey] = {}

    def define(  # every property of a setting is optional but the first two, and named by callers
        self,
        name: str,
        type: Type,
        default: object = NO_DEFAULT,
        *,
        validator: Validator | None = None,
        importance: Importance = Importance.MEDIUM,
        documentation: str = "",
        group: str | None = None,
        order_in_group: int = -1,
        width: Width = Width.NONE,
        display_name: str | None = None,
        dependents: Sequence[str] = (),
        recommender: Recommender | None = None,
        resolver: Callable[[str], str | None] | None = None,
    ) -> "ConfigDef":
        """Add a setting, and return this definition for the next one.

        Raises:
            ConfigError: The name is taken, or the default is not an allowed value.
        """
        if default is not NO_DEFAULT:
            default = parse_type(name, default, type)
        key = ConfigKey(
            name=name,
            type=type,
            default=default,
            validator=validator,
            importance=importance,
            documentation=documentation,
            group=group,
            order_in_group=order_in_group,
            width=width,
            display_name=name if display_name is None else display_name,
            dependents=tuple(dependents),
            recommender=recommender,
            resolver=resolver,
        )
        if not key.required:
            key.check(default)
        return self.add(key)

    def add(self, key: ConfigKey) -> "ConfigDef":
        """Add a setting that was defined elsewhere.

        Raises:
            ConfigError: The name is taken.
        """
        if key.name in self._keys:
            raise ConfigError(f"Configuration {key.name} is defined twice.")
        self._keys[key.name] = key
        return self

    def replace(self, key: ConfigKey) -> "ConfigDef":
        """Put `key` in the place of the setting of its name."""
        self._keys[key.name] = key
        return self

    def copy(self) -> "ConfigDef":
        """Return a definition with the same settings, to be added to."""
        other = ConfigDef()
        other._keys = dict(self._keys)
        return other

    def embed(
        self, key_prefix: str, group_prefix: str, first_order: int, child: "ConfigDef"
    ) -> "ConfigDef":
        """Add all settings of a plugin under a prefix such as `transforms.route.`.

        A validator of the plugin sees its own name of the setting, and says so in its errors.
        """
        for order, key in enumerate(child.sorted_keys(), first_order):
            self.add(_embedded(key, key_prefix, group_prefix, order))
        return self

    @property
    def keys(self) -> Mapping[str, ConfigKey]:
        return self._keys

    @property
    def names(self) -> list[str]:
        return list(self._keys)

    @property
    def groups(self) -> list[str]:
        """The groups in the order in which they first appear."""
        return list(dict.fromkeys(key.group for key in self if key.group is not None))

    def sorted_keys(self) -> list[ConfigKey]:
        """Return the settings as a form shows them: by group, order, required first, importance."""
        importances = list(Importance)
        groups = self.groups
        return sorted(
            self,
            key=lambda key: (
                -1 if key.group is None else groups.index(key.group),
                key.order_in_group,
                not key.required,
                importances.index(key.importance),
                key.name,
            ),
        )

    def __iter__(self) -> Iterator[ConfigKey]:
        return iter(self._keys.values())

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def parse(self, props: Mapping[str, str | None]) -> dict[str, object]:
        """Return the value of every setting; entries of `props` without a definition are left out.

        Raises:
            ConfigError: The first setting that is missing or wrong.
        """
        parsed: dict[str, object] = {}
        for key in self:
            value = key.parse(props)
            if isinstance(key.validator, ValidList) and isinstance(value, list):
                # Only `validate` complains of items that are there twice: Java, too.
                value = list(dict.fromkeys(cast("list[str]", value)))
            key.check(value)
            parsed[key.name] = value
        return parsed

    def validate(self, props: Mapping[str, str | None]) -> list[ConfigValue]:
        """Return every setting with its value, its errors, and what may be chosen instead."""
        values = [ConfigValue(key.name) for key in self]
        for key, result in zip(self, values, strict=True):
            try:
                result.value = key.parse(props)
            except ConfigError as error:
                result.add_error(str(error))
            try:
                # A value that could not be parsed is None here: Java reports both errors.
                key.check(result.value)
            except ConfigError as error:
                result.add_error(str(error))
        parsed = {result.name: result.value for result in values}
        for key, result in zip(self, values, strict=True):
            if key.recommender is not None:
                _recommend(key.name, key.recommender, parsed, result)
        return values


def _recommend(
    name: str, recommender: Recommender, parsed: Mapping[str, object], result: ConfigValue
) -> None:
    try:
        result.recommended_values = list(recommender.valid_values(name, parsed))
        result.visible = recommender.visible(name, parsed)
    except ConfigError as error:
        result.add_error(str(error))


def _embedded(key: ConfigKey, key_prefix: str, group_prefix: str, order: int) -> ConfigKey:
    return replace(
        key,
        name=key_prefix + key.name,
        validator=None if key.validator is None else _Unprefixed(key_prefix, key.validator),
        group=group_prefix if key.group is None else f"{group_prefix}: {key.group}",
        order_in_group=order,
        dependents=tuple(key_prefix + name for name in key.dependents),
        recommender=None
        if key.recommender is None
        else _UnprefixedRecommender(key_prefix, key.recommender),
    )


@dataclass(frozen=True, slots=True)
class _Unprefixed:
    """A plugin's validator, which knows nothing of the prefix before its settings."""

    prefix: str
    validator: Validator

    def __call__(self, name: str, value: object) -> None:
        self.validator(name.removeprefix(self.prefix), value)

    def __str__(self) -> str:
        return str(self.validator)


@dataclass(frozen=True, slots=True)
class _UnprefixedRecommender:
    """A plugin's recommender, which knows nothing of the prefix before its settings."""

    prefix: str
    recommender: Recommender

    def valid_values(self, name: str, config: Mapping[str, object]) -> Sequence[object]:
        return self.recommender.valid_values(name.removeprefix(self.prefix), self._own(config))

    def visible(self, name: str, config: Mapping[str, object]) -> bool:
        return self.recommender.visible(name.removeprefix(self.prefix), self._own(config))

    def _own(self, config: Mapping[str, object]) -> dict[str, object]:
        return {
            name.removeprefix(self.prefix): value
            for name, value in config.items()
            if name.startswith(self.prefix)
        }


def parse_type(name: str, value: object, type: Type) -> object:
    """Return the text `value` as `type`; what is not text is taken as it is.

    Blanks at both ends do not count, but errors show them.

    Raises:
        ConfigError: The text does not say such a value.
    """
    if not isinstance(value, str):
        return list(cast("Sequence[str]", value)) if isinstance(value, tuple) else value
    text = value.strip(BLANK)
    match type:
        case Type.BOOLEAN:
            if text.lower() not in {"true", "false"}:
                raise ConfigError.invalid(name, value, "Expected value to be either true or false")
            return text.lower() == "true"
        case Type.INT | Type.SHORT | Type.LONG | Type.DOUBLE:
            number = parse_double(text) if type is Type.DOUBLE else parse_integer(text, _BITS[type])
            if number is None:
                raise ConfigError.invalid(name, value, f"Not a number of type {type}")
            return number
        case Type.LIST:
            return parse_list(text)
        case Type.PASSWORD:
            return Password(text)
        case Type.STRING | Type.CLASS:
            return text


def parse_list(text: str) -> list[str]:
    """Return the items between the commas, empty ones too; a blank text has none."""
    text = text.strip(BLANK)
    return _LIST_SEPARATOR.split(text) if text else []


def to_text(value: object, type: Type | None) -> str | None:
    """Return a value as the REST API prints it; None stays None. Java: convertToString."""
    if value is None:
        return None
    if type is Type.PASSWORD:
        return Password.HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, cast("Sequence[object]", value)))
    if isinstance(value, float) or type is Type.DOUBLE:
        return _java_double(float(cast("float", value)))
    return str(value)


def _java_double(value: float) -> str:
    if not math.isfinite(value):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return format(Decimal(repr(value)), "f")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{int(exponent) + len(digits) - 1}"
