"""Definitions of settings; the texts were seen in Kafka 4.3.1's own ConfigDef."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.config_def import (
    CaseInsensitiveValidString,
    CompositeValidator,
    ConfigDef,
    Importance,
    LambdaValidator,
    NonEmptyString,
    NonEmptyStringWithoutControlChars,
    NonNullValidator,
    Password,
    Range,
    Type,
    Validator,
    ValidList,
    ValidRegex,
    ValidString,
    Width,
    parse_list,
    parse_type,
    to_text,
)
from isthmus.api.errors import ConfigError


def definition() -> ConfigDef:
    """Return a definition in which each kind of error can be made."""
    return (
        ConfigDef()
        .define(
            "tasks",
            Type.INT,
            5,
            validator=Range.at_least(1),
            importance=Importance.LOW,
            documentation="How many.",
        )
        .define("file", Type.STRING, importance=Importance.HIGH, documentation="Which.")
        .define(
            "topics",
            Type.LIST,
            validator=ValidList(empty_allowed=False),
            importance=Importance.HIGH,
            documentation="Where to.",
        )
    )


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        (Type.INT, " +3 ", 3),
        (Type.INT, "٣", 3),
        (Type.SHORT, "-32768", -32768),
        (Type.LONG, "9223372036854775807", 2**63 - 1),
        (Type.DOUBLE, "1f", 1.0),
        (Type.DOUBLE, ".5", 0.5),
        (Type.DOUBLE, "0x1p3", 8.0),
        (Type.DOUBLE, "0x1p99999", math.inf),
        (Type.DOUBLE, "-0x1p99999", -math.inf),
        (Type.DOUBLE, "1e400", math.inf),
        (Type.DOUBLE, "-Infinity", -math.inf),
        (Type.BOOLEAN, " TRUE ", True),
        (Type.BOOLEAN, "False", False),
        (Type.LIST, "a,,b", ["a", "", "b"]),
        (Type.LIST, " a , b ,", ["a", "b", ""]),
        (Type.LIST, " ", []),
        (Type.LIST, "a\xa0,b", ["a\xa0", "b"]),
        (Type.STRING, "  x ", "x"),
        (Type.STRING, "\xa0x\xa0", "\xa0x\xa0"),
        (Type.CLASS, " a.B ", "a.B"),
        (Type.PASSWORD, " p ", Password("p")),
    ],
)
def test_text_is_read_as_java_reads_it(type_: Type, text: str, expected: object) -> None:
    assert parse_type("k", text, type_) == expected


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        (Type.INT, "abc", "Not a number of type INT"),
        (Type.INT, "1_0", "Not a number of type INT"),
        (Type.INT, " x ", "Not a number of type INT"),
        (Type.INT, "", "Not a number of type INT"),
        (Type.INT, "9" * 5000, "Not a number of type INT"),
        (Type.INT, "2147483648", "Not a number of type INT"),
        (Type.SHORT, "40000", "Not a number of type SHORT"),
        (Type.LONG, "9223372036854775808", "Not a number of type LONG"),
        (Type.DOUBLE, "inf", "Not a number of type DOUBLE"),
        (Type.DOUBLE, "1_0", "Not a number of type DOUBLE"),
        (Type.DOUBLE, ".", "Not a number of type DOUBLE"),
        (Type.BOOLEAN, "yes", "Expected value to be either true or false"),
    ],
)
def test_text_of_another_type_is_refused_as_it_was_written(
    type_: Type, text: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_type("k", text, type_)

    assert str(caught.value) == f"Invalid value {text} for configuration k: {reason}"


@given(st.lists(st.from_regex(r"[a-z.]{1,8}", fullmatch=True)), st.text(" \t", max_size=2))
def test_a_list_survives_blanks_around_its_commas(items: list[str], blank: str) -> None:
    assert parse_list(f"{blank},{blank}".join(items)) == items


@given(st.integers())
def test_every_whole_number_is_an_int_or_refused(number: int) -> None:
    if -(2**31) <= number < 2**31:
        assert parse_type("k", str(number), Type.INT) == number
    else:
        with pytest.raises(ConfigError):
            parse_type("k", str(number), Type.INT)


@given(st.floats(allow_nan=False))
def test_a_double_is_printed_so_that_it_reads_the_same(number: float) -> None:
    assert parse_type("k", to_text(number, Type.DOUBLE), Type.DOUBLE) == number


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (None, Type.STRING, None),
        (True, Type.BOOLEAN, "true"),
        (["a", "b c"], Type.LIST, "a,b c"),
        ([], Type.LIST, ""),
        (Password("x"), Type.PASSWORD, "[hidden]"),
        ("x", Type.PASSWORD, "[hidden]"),
        (1e7, Type.DOUBLE, "1.0E7"),
        (0.8, Type.DOUBLE, "0.8"),
        (1e-5, Type.DOUBLE, "1.0E-5"),
        (-1.5e300, Type.DOUBLE, "-1.5E300"),
        (0.0, Type.DOUBLE, "0.0"),
        (math.nan, Type.DOUBLE, "NaN"),
        (-math.inf, Type.DOUBLE, "-Infinity"),
        (7, None, "7"),
    ],
)
def test_values_are_printed_as_the_rest_api_prints_them(
    value: object, type_: Type | None, expected: str | None
) -> None:
    assert to_text(value, type_) == expected


@pytest.mark.parametrize(
    ("validator", "value", "message"),
    [
        (Range.at_least(1), 0, "Invalid value 0 for configuration k: Value must be at least 1"),
        (Range.at_least(1), None, "Invalid value null for configuration k: Value must be non-null"),
        (
            Range.between(0, 5),
            6,
            "Invalid value 6 for configuration k: Value must be no more than 5",
        ),
        (
            ValidString("a", "b"),
            "c",
            "Invalid value c for configuration k: String must be one of: a, b",
        ),
        (
            ValidString("a", "b"),
            None,
            "Invalid value null for configuration k: String must be one of: a, b",
        ),
        (
            CaseInsensitiveValidString("Pa", "b"),
            "c",
            "Invalid value c for configuration k: String must be one of (case insensitive): PA, B",
        ),
        (
            CaseInsensitiveValidString("a"),
            None,
            "Invalid value null for configuration k: String must be one of (case insensitive): A",
        ),
        (NonEmptyString(), "", "Invalid value  for configuration k: String must be non-empty"),
        (
            NonEmptyStringWithoutControlChars(),
            "",
            "Invalid value  for configuration k: String may not be empty",
        ),
        (
            NonEmptyStringWithoutControlChars(),
            "a\nb\x7f\x85",
            "Invalid value a\nb\x7f\x85 for configuration k: String may not contain control"
            " sequences but had the following ASCII chars: 10, 127, 133",
        ),
        (
            NonNullValidator(),
            None,
            "Invalid value null for configuration k: entry must be non null",
        ),
        (ValidList(), ["a", "a"], "Configuration 'k' values must not be duplicated."),
        (ValidList(), ["a", ""], "Configuration 'k' values must not be empty."),
        (ValidList(), None, "Configuration 'k' values must not be null."),
        (
            ValidList(empty_allowed=False),
            [],
            "Configuration 'k' must not be empty. Valid values include: any non-empty value",
        ),
        (
            ValidList(("a", "b"), empty_allowed=False),
            [],
            "Configuration 'k' must not be empty. Valid values include: [a, b]",
        ),
        (
            ValidList(("a", "b")),
            ["a", "c"],
            "Invalid value c for configuration k: String must be one of: a, b",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_told_in_javas_words(
    validator: Validator, value: object, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        validator("k", value)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("validator", "value"),
    [
        (Range.between(0, 5), 5),
        (CaseInsensitiveValidString("Enabled"), "eNABLED"),
        (NonEmptyString(), None),
        (NonEmptyStringWithoutControlChars(), None),
        (NonEmptyStringWithoutControlChars(), " "),
        (ValidList(null_allowed=True), None),
        (ValidList(), []),
        (ValidRegex(), "a.*"),
        (ValidRegex(), ""),
    ],
)
def test_a_value_that_is_allowed_passes(validator: Validator, value: object) -> None:
    validator("k", value)


@pytest.mark.parametrize(("value", "shown"), [("[", r"\["), (None, "null")])
def test_a_wrong_regular_expression_is_refused(value: str | None, shown: str) -> None:
    expected = rf"Invalid value {shown} for configuration k: Invalid regex: "

    with pytest.raises(ConfigError, match=expected):
        ValidRegex()("k", value)


@pytest.mark.parametrize(
    ("validator", "description"),
    [
        (Range.at_least(1), "[1,...]"),
        (Range.between(0, 5), "[0,...,5]"),
        (ValidString("a", "b"), "[a, b]"),
        (CaseInsensitiveValidString("a", "B"), "(case insensitive) [A, B]"),
        (NonEmptyString(), "non-empty string"),
        (ValidList(), ""),
        (ValidList(("a",)), "[a]"),
        (LambdaValidator(lambda _name, _value: None, "any"), "any"),
        (
            CompositeValidator((Range.at_least(1), NonNullValidator())),
            "[1,...], non-null string",
        ),
    ],
)
def test_a_validator_tells_what_is_allowed(validator: Validator, description: str) -> None:
    assert str(validator) == description


def test_settings_are_parsed_with_defaults_for_the_rest() -> None:
    parsed = definition().parse({"file": "a.txt", "topics": "t, u", "unknown": "x"})

    assert parsed == {"tasks": 5, "file": "a.txt", "topics": ["t", "u"]}


def test_an_item_that_is_there_twice_is_an_error_of_validation_and_dropped_in_parsing() -> None:
    props: dict[str, str | None] = {"file": "a", "topics": "t,u,t"}

    assert definition().parse(props)["topics"] == ["t", "u"]
    assert [
        value.error_messages for value in definition().validate(props) if value.error_messages
    ] == [["Configuration 'topics' values must not be duplicated."]]


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({}, 'Missing required configuration "file" which has no default value.'),
        ({"tasks": "0"}, "Invalid value 0 for configuration tasks: Value must be at least 1"),
        (
            {"file": "a", "topics": "t,,u"},
            "Configuration 'topics' values must not be empty.",
        ),
    ],
)
def test_parsing_ends_at_the_first_wrong_setting(props: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        definition().parse(props)

    assert str(caught.value) == message


def test_validation_returns_all_errors_at_once() -> None:
    values = definition().validate({"tasks": "abc"})

    assert {value.name: (value.value, value.error_messages) for value in values} == {
        "tasks": (
            None,
            [
                "Invalid value abc for configuration tasks: Not a number of type INT",
                "Invalid value null for configuration tasks: Value must be non-null",
            ],
        ),
        "file": (None, ['Missing required configuration "file" which has no default value.']),
        "topics": (
            None,
            [
                'Missing required configuration "topics" which has no default value.',
                "Configuration 'topics' values must not be null.",
            ],
        ),
    }


def test_a_value_that_is_parsed_but_not_allowed_is_shown() -> None:
    tasks = definition().validate({"tasks": "0", "file": "a", "topics": "t"})[0]

    assert tasks.value == 0
    assert tasks.error_messages == [
        "Invalid value 0 for configuration tasks: Value must be at least 1"
    ]


def test_a_default_must_be_allowed_and_a_name_free() -> None:
    with pytest.raises(ConfigError, match="Value must be at least 1"):
        ConfigDef().define(
            "k",
            Type.INT,
            0,
            validator=Range.at_least(1),
            importance=Importance.LOW,
            documentation="",
        )
    with pytest.raises(ConfigError, match=r"^Configuration file is defined twice\.$"):
        definition().define("file", Type.INT, importance=Importance.LOW, documentation="")


def test_a_default_may_be_written_as_text() -> None:
    key = ConfigDef().define("k", Type.LIST, "a,b", importance=Importance.LOW, documentation="")

    assert key.keys["k"].default == ["a", "b"]


def test_a_class_is_shown_by_its_full_name_and_refused_if_unknown() -> None:
    classes = {"Json": "org.example.JsonConverter"}
    converter = ConfigDef().define(
        "converter",
        Type.CLASS,
        None,
        importance=Importance.LOW,
        documentation="",
        resolver=classes.get,
    )

    [known] = converter.validate({"converter": "Json"})
    [unknown] = converter.validate({"converter": "nope"})

    assert known.value == "org.example.JsonConverter"
    assert unknown.value is None
    assert unknown.error_messages == [
        "Invalid value nope for configuration converter: Class nope could not be found."
    ]


class TasksThatFit:
    def valid_values(self, name: str, config: Mapping[str, object]) -> Sequence[object]:
        if config["file"] is None:
            raise ConfigError("no file to count")
        return [1, 2]

    def visible(self, name: str, config: Mapping[str, object]) -> bool:
        return config["file"] != "hidden"


def test_a_recommender_sees_the_other_settings() -> None:
    recommended = ConfigDef().define(
        "tasks",
        Type.INT,
        1,
        importance=Importance.LOW,
        documentation="",
        recommender=TasksThatFit(),
    )
    recommended.define("file", Type.STRING, None, importance=Importance.LOW, documentation="")

    offered = recommended.validate({"file": "hidden"})[0]
    failed = recommended.validate({})[0]

    assert (offered.recommended_values, offered.visible) == ([1, 2], False)
    assert failed.error_messages == ["no file to count"]


def test_the_settings_of_a_plugin_get_a_prefix_and_keep_their_own_names_in_errors() -> None:
    outer = ConfigDef().embed("transforms.a.", "Transforms: a", 2, definition())

    values = outer.validate({"transforms.a.tasks": "0", "transforms.a.topics": " "})

    assert outer.names == ["transforms.a.file", "transforms.a.topics", "transforms.a.tasks"]
    assert [key.order_in_group for key in outer] == [2, 3, 4]
    assert {text for value in values for text in value.error_messages} == {
        'Missing required configuration "transforms.a.file" which has no default value.',
        "Invalid value 0 for configuration tasks: Value must be at least 1",
        "Configuration 'topics' must not be empty. Valid values include: any non-empty value",
    }


def test_a_form_shows_groups_in_order_and_required_settings_first() -> None:
    def add(name: str, default: object, group: str | None, order: int, level: Importance) -> None:
        form.define(
            name,
            Type.STRING,
            default,
            importance=level,
            documentation="",
            group=group,
            order_in_group=order,
            width=Width.LONG,
        )

    form = ConfigDef()
    add("late", None, "B", 2, Importance.HIGH)
    add("early", None, "B", 1, Importance.LOW)
    add("in-a", None, "A", 0, Importance.LOW)
    add("low", None, None, -1, Importance.LOW)
    add("high", None, None, -1, Importance.HIGH)

    assert form.groups == ["B", "A"]
    assert [key.name for key in form.sorted_keys()] == ["high", "low", "early", "late", "in-a"]


def test_a_password_shows_itself_to_no_one_who_prints_it() -> None:
    secret = Password("hush")

    assert f"{secret} {secret!r} {[secret]}" == "[hidden] [hidden] [[hidden]]"
    assert secret.value == "hush"
