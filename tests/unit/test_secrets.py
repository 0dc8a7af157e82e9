from typing import Any, cast

import msgspec
import pytest

from isthmus import secrets
from isthmus.config.worker import WorkerConfig
from isthmus.herder.errors import BadRequestError
from isthmus.herder.validation import PluginJobs, Validation
from isthmus.task.failure import trace_of_failure

_WORKER = {
    "bootstrap.servers": "localhost:9092",
    "group.id": "g",
    "key.converter": "x",
    "value.converter": "x",
    "config.storage.topic": "c",
    "offset.storage.topic": "o",
    "status.storage.topic": "s",
    "config.providers": "env",
    "config.providers.env.class": "EnvVarConfigProvider",
}


def test_a_value_is_hidden_wherever_it_stands_also_without_blanks_and_as_a_literal() -> None:
    secrets.learn({"two\nlines-of-it\n": "${dir:/d:k}", "hunter2": "${env:PW}"})

    key = "two\nlines-of-it"
    shown = secrets.hide(f"url?pw=hunter2&x, {key} and {key!r}")

    assert shown == "url?pw=${env:PW}&x, ${dir:/d:k} and '${dir:/d:k}'"


def test_a_value_that_is_part_of_another_leaves_nothing_of_it() -> None:
    secrets.learn({"hunter": "${env:A}", "hunter2-long": "${env:B}"})

    assert secrets.hide("hunter2-long hunter") == "${env:B} ${env:A}"


def test_short_words_stay_readable() -> None:
    secrets.learn({"1": "${env:N}", "true": "${env:B}"})

    assert secrets.hide("1 is true") == "1 is true"


def test_a_child_is_told_the_secrets_of_its_own_settings_alone() -> None:
    secrets.learn({"hunter2": "${env:MINE}", "others-pw": "${env:OTHERS}"})

    known = secrets.known_in([{"url": "db?hunter2", "none": None}, {"list": ["x"]}])

    assert known == {"hunter2": "${env:MINE}"}


def test_the_trace_of_a_status_hides_secrets() -> None:
    secrets.learn({"hunter2": "${env:PW}"})

    trace = ""
    try:
        int("hunter2")
    except ValueError:
        trace = trace_of_failure()

    assert trace.endswith("invalid literal for int() with base 10: '${env:PW}'\n")
    assert 'int("${env:PW}")' in trace


class Answers:
    """Stands where a child with the plugin's code would: says what it was given."""

    def __init__(self, definition_type: str = "STRING") -> None:
        self._type = definition_type

    async def run_job(self, job: str, arguments: Any, timeout: float, wanted: object = ()) -> Any:
        value = arguments["config"]["db"]
        definition: dict[str, object] = {
            "name": "db",
            "type": self._type,
            "required": False,
            "default_value": None,
            "importance": "HIGH",
            "documentation": "",
            "group": None,
            "order_in_group": -1,
            "width": "NONE",
            "display_name": "db",
            "dependents": [],
        }
        answer: dict[str, object] = {
            "name": "db",
            "value": value,
            "recommended_values": [value],
            "errors": [f"Invalid value {value} for configuration db: no", f"cannot use {value}"],
            "visible": True,
        }
        configs = [{"definition": definition, "value": answer}]
        return {"name": "X", "error_count": 2, "groups": [], "configs": configs}


@pytest.mark.parametrize(("type", "value"), [("STRING", "a${env:PW}"), ("PASSWORD", "[hidden]")])
async def test_a_validation_answers_with_variables_in_place_of_their_values(
    monkeypatch: pytest.MonkeyPatch, type: str, value: str
) -> None:
    monkeypatch.setenv("PW", "hunter2")
    worker = WorkerConfig.from_properties(_WORKER)
    jobs = cast("PluginJobs", Answers(type))
    validation = Validation(jobs, worker, worker.transformer.transform)
    config: dict[str, str | None] = {"connector.class": "X", "db": "a${env:PW}"}

    infos = await validation.validate(config)

    assert "hunter2" not in msgspec.json.encode(infos).decode()
    assert infos.configs[0].value.value == value
    assert infos.configs[0].value.errors == [
        "Invalid value a${env:PW} for configuration db: no",
        "cannot use a${env:PW}",
    ]
    with pytest.raises(BadRequestError) as caught:
        await validation.require_valid(config)
    assert "hunter2" not in str(caught.value)
