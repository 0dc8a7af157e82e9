"""Errors that plugins raise and the runtime understands."""

from typing import cast


class ConnectError(Exception):
    """Something went wrong in Connect; a task that raises it fails. Java: ConnectException."""


class RetriableError(ConnectError):
    """The same call may succeed later; the runtime backs off and tries again.

    Java: RetriableException.
    """


class DataError(ConnectError):
    """Data does not fit its schema, or bytes their format. Java: DataException."""


class SchemaBuilderError(DataError):
    """A schema that no value could satisfy. Java: SchemaBuilderException."""


class SchemaProjectionError(DataError):
    """Data of one schema has no place in another one. Java: SchemaProjectorException."""


class IllegalWorkerStateError(ConnectError):
    """A call that this point of the lifecycle does not allow. Java: IllegalWorkerStateException."""


class ConfigError(ConnectError):
    """A setting is missing or wrong; the text names key, value and what was expected.

    Java: ConfigException.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @classmethod
    def invalid(cls, name: str, value: object, reason: str | None = None) -> "ConfigError":
        """Return the error for `value` of key `name`, worded as Java words it."""
        text = f"Invalid value {_java_text(value)} for configuration {name}"
        return cls(f"{text}: {reason}" if reason else text)


def _java_text(value: object) -> str:
    """Render a value as Java's string concatenation does, since clients match the message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_java_text, cast('list[object]', value)))}]"
    return str(value)
