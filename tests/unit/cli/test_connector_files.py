import json
from pathlib import Path

import pytest

from isthmus.api.errors import ConnectError
from isthmus.channel import TargetState
from isthmus.cli.connector_files import read_connector_file


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("name=x\ntasks.max=2\n", None),
        ('{"name": "x", "tasks.max": 2}', None),
        ('{"name": "x", "config": {"tasks.max": "2"}}', None),
        (
            '{"name": "x", "config": {"name": "x", "tasks.max": 2}, "initial_state": "STOPPED",'
            ' "type": "source"}',
            TargetState.STOPPED,
        ),
    ],
    ids=["properties", "settings", "request", "request with more"],
)
def test_a_connector_is_read_from_each_shape_of_file(
    text: str, state: TargetState | None, tmp_path: Path
) -> None:
    file = tmp_path / "x"
    file.write_text(text)

    name, config, found = read_connector_file(file)

    assert (name, dict(config), found) == ("x", {"name": "x", "tasks.max": "2"}, state)


def test_settings_without_a_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"tasks.max": "2"}')

    with pytest.raises(ConnectError) as caught:
        read_connector_file(file)

    text = f"Connector configuration at '{file}' is missing the mandatory 'name' configuration"
    assert str(caught.value) == text


def test_two_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"name": "x", "config": {"name": "y"}}))

    with pytest.raises(ConnectError, match="doesn't match the one specified in 'name' at"):
        read_connector_file(file)
