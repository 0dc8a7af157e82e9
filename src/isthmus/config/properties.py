"""Java's .properties files: comments, escapes, continuation lines."""

from pathlib import Path

import javaproperties

from isthmus.api.errors import ConfigError


def read_properties(path: str | Path, *, encoding: str = "iso-8859-1") -> dict[str, str]:
    r"""Return what the file says; of a key that stands there twice, the last value.

    Java reads worker and connector files as ISO 8859-1, with `\uXXXX` for all else, and those
    of its FileConfigProvider as UTF-8.

    Raises:
        ConfigError: The file is missing, cannot be read, or is not of this format.
    """
    try:
        return javaproperties.loads(Path(path).read_bytes().decode(encoding))
    except OSError as error:
        raise ConfigError(f"Could not read properties from file {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"Could not read properties from file {path}: {error}") from None
