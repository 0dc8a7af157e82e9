from pathlib import Path

import pytest

from isthmus.api.errors import ConfigError
from isthmus.config.jaas import LoginModule, java_option, parse_login_module, read_login_file

_FILE = """\
// who may call the REST API
KafkaConnect {
  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required
    /* a file of
       user=password */
    file="/etc/connect/password.properties";
};

KafkaClient {
  a.Plain REQUIRED username="ann" password="with } and ; and //";
  a.Other sufficient;
};
"""


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            'a.B required username="ann" password="a\\"b;c=d";',
            {"username": "ann", "password": 'a"b;c=d'},
        ),
        ("a.B required;", {}),
        (
            "a.B required\n  username='x y'\n  password=bare ;",
            {"username": "x y", "password": "bare"},
        ),
        ('a.B optional token="1\\\\2"', {"token": "1\\2"}),
        ('a.B required password="}";', {"password": "}"}),
    ],
)
def test_the_options_of_a_login_module_are_read(text: str, options: dict[str, str]) -> None:
    assert parse_login_module(text).options == options


@pytest.mark.parametrize(
    "text",
    [
        'password="hush"',
        "",
        "a.B maybe password=hush;",
        "a.B required password;",
        "a.B required password=hush; a.C required;",
        'a.B required password="hush',
        "a.B required { password=hush;",
    ],
)
def test_a_wrong_login_is_told_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_login_module(text)

    assert "sasl.jaas.config" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(parse_login_module("a.B required password=hush;"))


def test_a_login_file_has_contexts_with_modules(tmp_path: Path) -> None:
    file = tmp_path / "login.conf"
    file.write_text(_FILE)

    name = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
    assert read_login_file(str(file)) == {
        "KafkaConnect": [
            LoginModule(name, "required", {"file": "/etc/connect/password.properties"})
        ],
        "KafkaClient": [
            LoginModule(
                "a.Plain", "required", {"username": "ann", "password": "with } and ; and //"}
            ),
            LoginModule("a.Other", "sufficient", {}),
        ],
    }


@pytest.mark.parametrize("text", ["KafkaConnect", "KafkaConnect {", "A { a.B required; } }", "{"])
def test_a_wrong_login_file_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "login.conf"
    file.write_text(text)

    with pytest.raises(ConfigError, match=rf"{file} for .*java\.security\.auth\.login\.config"):
        read_login_file(str(file))


def test_a_missing_login_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/nowhere .*login\.config: No such file"):
        read_login_file("/nowhere")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", None),
        ("-Dother=1", None),
        ("-Xmx1g -Dname=a -Dname='b c'", "b c"),
        ("-Dname='", None),
    ],
)
def test_options_of_java_are_read_from_its_environment(
    options: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_OPTS", options)

    assert java_option("name") == found
