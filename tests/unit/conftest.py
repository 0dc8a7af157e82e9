"""What all unit tests share."""

import pytest

from isthmus import secrets


@pytest.fixture(autouse=True)
def nothing_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test hide what another one has taken from a config provider."""
    monkeypatch.setattr(secrets, "_variables", {})
    monkeypatch.setattr(secrets, "_pattern", None)
