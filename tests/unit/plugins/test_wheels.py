"""Wheels unpacked by pip, with nothing but what is in their folder."""

from pathlib import Path

import pytest

from isthmus.api.errors import ConnectError
from isthmus.plugins.wheels import install
from tests.support.wheels import make_wheel


def test_wheels_are_unpacked_once_for_their_content(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    library = make_wheel(tmp_path, "a_library", "1.0", {"a_library.py": "VERSION = 1\n"})
    needs = ["a-library<2", "isthmus", 'no-such-thing; extra == "more"']
    plugin = make_wheel(tmp_path, "a_plugin", "1.0", {"a_plugin.py": ""}, requires=needs)

    first = install([library, plugin], cache)
    again = install([library, plugin], cache)
    make_wheel(tmp_path, "a_library", "1.0", {"a_library.py": "VERSION = 2\n"})
    changed = install([library, plugin], cache)

    assert (first / "a_library.py").read_text() == "VERSION = 1\n"
    assert again == first
    assert (changed / "a_library.py").read_text() == "VERSION = 2\n"
    assert sorted(cache.iterdir()) == sorted([first, changed])


def test_a_library_that_is_missing_or_of_another_version_is_named(tmp_path: Path) -> None:
    needs = ["no-such-thing>=2", "isthmus>99"]
    plugin = make_wheel(tmp_path, "a_plugin", "1.0", {}, requires=needs)

    with pytest.raises(ConnectError) as caught:
        install([plugin], tmp_path / "cache")

    assert "a_plugin 1.0 needs no-such-thing>=2" in str(caught.value)
    assert "a_plugin 1.0 needs isthmus>99, found version" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_pip_says_of_a_wheel_is_passed_on(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "a_plugin", "1.0", {})
    other = wheel.rename(tmp_path / "a_plugin-1.0-cp27-cp27m-win32.whl")

    with pytest.raises(ConnectError, match=r"pip could not install its wheels: .*a_plugin"):
        install([other], tmp_path / "cache")
