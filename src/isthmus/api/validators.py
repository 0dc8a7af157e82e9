"""What a setting may be: checks of parsed values, with the words that Kafka's users know.

`str()` of a validator is the description in the list of settings. A missing value is None.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from isthmus.api.errors import ConfigError
from isthmus.api.java_regex import RegexError, compile_regex


class Validator(Protocol):
    """Checks a parsed value; `str()` of it tells users what is allowed. Java: Validator.

    A plain function will do where nobody reads the description.
    """

    def __call__(self, name: str, value: object, /) -> None:
        """Return if `value` is allowed for the setting `name`.

        Raises:
            ConfigError: It is not; the text names the setting and what was expected.
        """
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers within limits, both included; not null. Java: ConfigDef.Range."""

    low: float | None
    high: float | None = None

    @classmethod
    def at_least(cls, low: float) -> "Range":
        return cls(low)

    @classmethod
    def between(cls, low: float, high: float) -> "Range":
        return cls(low, high)

    def __call__(self, name: str, value: object) -> None:
        if value is None:
            raise ConfigError.invalid(name, None, "Value must be non-null")
        number = cast("float", value)
        if self.low is not None and number < self.low:
            raise ConfigError.invalid(name, value, f"Value must be at least {self.low}")
        if self.high is not None and number > self.high:
            raise ConfigError.invalid(name, value, f"Value must be no more than {self.high}")

    def __str__(self) -> str:
        low = "" if self.low is None else f"{self.low},"
        high = "" if self.high is None else f",{self.high}"
        return f"[{low}...{high}]"


class ValidString:
    """One of some texts. Java: ConfigDef.ValidString."""

    def __init__(self, *valid: str) -> None:
        self._valid = valid

    def __call__(self, name: str, value: object) -> None:
        if value not in self._valid:
            expected = f"String must be one of: {', '.join(self._valid)}"
            raise ConfigError.invalid(name, value, expected)

    def __str__(self) -> str:
        return f"[{', '.join(self._valid)}]"


class CaseInsensitiveValidString:
    """One of some texts in any case. Java: ConfigDef.CaseInsensitiveValidString."""

    def __init__(self, *valid: str) -> None:
        self._valid = tuple(text.upper() for text in valid)

    def __call__(self, name: str, value: object) -> None:
        if value is None or str(value).upper() not in self._valid:
            expected = f"String must be one of (case insensitive): {', '.join(self._valid)}"
            raise ConfigError.invalid(name, value, expected)

    def __str__(self) -> str:
        return f"(case insensitive) [{', '.join(self._valid)}]"


@dataclass(frozen=True, slots=True)
class NonEmptyString:
    """Any text but the empty one; null passes. Java: ConfigDef.NonEmptyString."""

    def __call__(self, name: str, value: object) -> None:
        if value == "":
            raise ConfigError.invalid(name, value, "String must be non-empty")

    def __str__(self) -> str:
        return "non-empty string"


@dataclass(frozen=True, slots=True)
class NonEmptyStringWithoutControlChars:
    """A name: text that is not empty and holds no control characters; null passes.

    Java: ConfigDef.NonEmptyStringWithoutControlChars.
    """

    def __call__(self, name: str, value: object) -> None:
        if value is None:
            return
        text = str(value)
        if not text:
            raise ConfigError.invalid(name, value, "String may not be empty")
        controls = [ord(char) for char in text if char < " " or "\x7f" <= char <= "\x9f"]
        if controls:
            raise ConfigError.invalid(
                name,
                value,
                "String may not contain control sequences but had the following ASCII chars: "
                + ", ".join(map(str, controls)),
            )

    def __str__(self) -> str:
        return "non-empty string without ISO control characters"


@dataclass(frozen=True, slots=True)
class NonNullValidator:
    """Anything but null. Java: ConfigDef.NonNullValidator."""

    def __call__(self, name: str, value: object) -> None:
        if value is None:
            raise ConfigError.invalid(name, None, "entry must be non null")

    def __str__(self) -> str:
        return "non-null string"


@dataclass(frozen=True, slots=True)
class ValidList:
    """A list without duplicates or empty items (KIP-1161). Java: ConfigDef.ValidList."""

    #: What the items may be; empty for anything.
    valid: Collection[str] = ()
    empty_allowed: bool = True
    null_allowed: bool = False

    def __call__(self, name: str, value: object) -> None:
        if value is None:
            if self.null_allowed:
                return
            raise ConfigError(f"Configuration '{name}' values must not be null.")
        items = cast("Sequence[str]", value)
        if not items and not self.empty_allowed:
            expected = str(self) or "any non-empty value"
            raise ConfigError(
                f"Configuration '{name}' must not be empty. Valid values include: {expected}"
            )
        if len(set(items)) != len(items):
            raise ConfigError(f"Configuration '{name}' values must not be duplicated.")
        for item in items:
            if not item:
                raise ConfigError(f"Configuration '{name}' values must not be empty.")
            if self.valid:
                ValidString(*self.valid)(name, item)

    def __str__(self) -> str:
        return f"[{', '.join(self.valid)}]" if self.valid else ""


@dataclass(frozen=True, slots=True)
class LambdaValidator:
    """A function with a description that users read. Java: ConfigDef.LambdaValidator."""

    check: Callable[[str, object], None]
    description: str

    def __call__(self, name: str, value: object) -> None:
        self.check(name, value)

    def __str__(self) -> str:
        return self.description


@dataclass(frozen=True, slots=True)
class CompositeValidator:
    """All of several validators, in order. Java: ConfigDef.CompositeValidator."""

    validators: Sequence[Validator]

    def __call__(self, name: str, value: object) -> None:
        for validator in self.validators:
            validator(name, value)

    def __str__(self) -> str:
        return ", ".join(map(str, self.validators))


@dataclass(frozen=True, slots=True)
class ValidRegex:
    """Text that is a regular expression; not null. Java: RegexValidator."""

    def __call__(self, name: str, value: object) -> None:
        if value is None:
            raise ConfigError.invalid(name, None, "Invalid regex: it must not be null")
        try:
            compile_regex(str(value))
        except RegexError as error:
            raise ConfigError.invalid(name, value, f"Invalid regex: {error}") from None

    def __str__(self) -> str:
        return "valid regex"
