from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from isthmus.api.config_provider import ConfigData
from isthmus.api.config_provider import ConfigProvider as AuthorsProvider
from isthmus.api.errors import ConfigError
from isthmus.config.providers import (
    ConfigTransformer,
    EnvVarConfigProvider,
    Resolved,
    build_transformer,
)

_JAVA = "org.apache.kafka.common.config.provider."


def transformer(class_name: str, **params: str) -> ConfigTransformer:
    """Return a transformer with one provider, called `p`."""
    props = {"config.providers": "p", "config.providers.p.class": class_name}
    props |= {f"config.providers.p.param.{k.replace('_', '.')}": v for k, v in params.items()}
    return build_transformer(props)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "secrets.properties"
    file.write_text("user=ann\npassword=grün ${p:x:y}\n", encoding="utf-8")
    return file


def test_variables_are_filled_in_from_a_file(secrets: Path) -> None:
    filled = transformer("FileConfigProvider").transform(
        {"a": f"${{p:{secrets}:user}}:${{p:{secrets}:password}}!", "b": "plain", "c": None}
    )

    assert filled == {"a": "ann:grün ${p:x:y}!", "b": "plain", "c": None}


@pytest.mark.parametrize("text", ["${q:path:key}", "${key}", "$p:a:b}", "${p::}"])
def test_what_is_no_known_variable_stays(text: str) -> None:
    assert transformer("FileConfigProvider").transform({"a": text}) == {"a": text}


def test_a_missing_key_stays_and_a_missing_file_is_an_error(secrets: Path) -> None:
    file_provider = transformer(f"{_JAVA}FileConfigProvider")

    assert file_provider.transform({"a": f"${{p:{secrets}:nope}}"}) == {
        "a": f"${{p:{secrets}:nope}}"
    }
    with pytest.raises(ConfigError, match="Could not read properties from file /nowhere: No such"):
        file_provider.transform({"a": "${p:/nowhere:key}"})


def test_only_allowed_paths_are_read(secrets: Path, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "ok.properties").write_text("k=v")
    (inside / "link.properties").symlink_to(secrets)
    restricted = transformer("FileConfigProvider", allowed_paths=str(inside))
    variables = {
        "inside": f"${{p:{inside}/ok.properties:k}}",
        "outside": f"${{p:{secrets}:user}}",
        "by dots": f"${{p:{inside}/../secrets.properties:user}}",
        "by link": f"${{p:{inside}/link.properties:user}}",
    }

    assert restricted.transform(variables) == variables | {"inside": "v"}


def test_a_directory_gives_the_whole_content_of_its_regular_files(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("ann\n")
    (tmp_path / "folder").mkdir()
    directory = transformer(f"{_JAVA}DirectoryConfigProvider", allowed_paths=str(tmp_path))
    variables = {
        "file": f"${{p:{tmp_path}:user}}",
        "folder": f"${{p:{tmp_path}:folder}}",
        "outside": f"${{p:{tmp_path.parent}:user}}",
        "no directory": f"${{p:{tmp_path}/user:user}}",
        "no path": "${p:user}",
    }

    assert directory.transform(variables) == variables | {"file": "ann\n"}


def test_the_environment_gives_what_the_pattern_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_USER", "ann")
    monkeypatch.setenv("HIDDEN_USER", "bob")
    env = transformer(f"{_JAVA}EnvVarConfigProvider", allowlist_pattern="KAFKA_.*")

    filled = env.transform({"a": "${p:KAFKA_USER}", "b": "${p:HIDDEN_USER}"})

    assert filled == {"a": "ann", "b": "${p:HIDDEN_USER}"}


def test_the_environment_has_no_path() -> None:
    with pytest.raises(ConfigError) as caught:
        EnvVarConfigProvider("env", {}).get("p", {"KAFKA_USER"})

    assert str(caught.value) == (
        "Path is not supported for EnvVarConfigProvider, invalid value 'p'"
    )


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            {"config.providers": "p"},
            'Missing required configuration "config.providers.p.class" which has no default value.',
        ),
        (
            {"config.providers": "p", "config.providers.p.class": "x.Vault"},
            "Invalid value x.Vault for configuration config.providers.p.class: Class x.Vault could"
            " not be found; known: FileConfigProvider, DirectoryConfigProvider,"
            " EnvVarConfigProvider",
        ),
        (
            {
                "config.providers": "p",
                "config.providers.p.class": "FileConfigProvider",
                "config.providers.p.param.allowed.paths": "relative",
            },
            "Invalid value relative for configuration config.providers.p.param.allowed.paths:"
            " Path is not absolute",
        ),
    ],
)
def test_a_provider_that_cannot_be_made_is_told_by_its_key(
    props: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_transformer(props)

    assert str(caught.value) == message


class Doubling(AuthorsProvider):
    """Doubles each key, up to a limit."""

    def configure(self, params: Mapping[str, str]) -> None:
        self.limit = int(params["limit"])

    def get(self, path: str, keys: Collection[str]) -> Mapping[str, str]:
        return {key: f"{path}{key}{key}" for key in keys if len(key) <= self.limit}


def test_a_provider_of_an_installed_package_is_asked() -> None:
    name = f"{__name__}:Doubling"
    given = {"config.providers": "p", "config.providers.p.class": name}
    transformer = build_transformer({**given, "config.providers.p.param.limit": "2"})

    filled = transformer.transform({"a": "${p:x:ab}", "b": "${p:abc}"})

    assert filled == {"a": "xabab", "b": "${p:abc}"}


class Lending(AuthorsProvider):
    """Its values hold as many seconds as their path has characters."""

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        return ConfigData(dict.fromkeys(keys, "lent"), float(len(path)) or None)


def test_settings_hold_as_long_as_the_shortest_lived_of_their_values() -> None:
    given = {"config.providers": "p", "config.providers.p.class": f"{__name__}:Lending"}
    transformer = build_transformer(given)

    some = transformer.resolve({"a": "${p:xxx:k}", "b": "${p:xx:k}${p:k}", "c": "plain"})

    assert some == Resolved({"a": "lent", "b": "lentlent", "c": "plain"}, 2.0)
    assert transformer.resolve({"a": "${p:k}"}) == Resolved({"a": "lent"}, None)


def test_a_class_that_is_no_provider_is_refused() -> None:
    given = {"config.providers": "p", "config.providers.p.class": "pathlib.Path"}

    with pytest.raises(ConfigError, match=r"expected a subclass of isthmus\.api\.config_provider"):
        build_transformer(given)
