import pytest

from isthmus.api.errors import ConnectError
from isthmus.plugins.versions import VersionRange


@pytest.mark.parametrize("text", [None, "", "  ", "latest"])
def test_no_version_is_any_version(text: str | None) -> None:
    assert VersionRange.parse(text) is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.0", ["1.0", "1", "1.0.0"], ["1.0.1", "0.9", "1.0-rc1"]),
        ("[1.0,2.0)", ["1.0", "1.9.9", "2.0-alpha"], ["2.0", "0.9"]),
        ("(1.0,]", ["1.0.1", "99"], ["1.0", "0.1"]),
        ("[,1.0]", ["1.0", "0.1"], ["1.1"]),
        ("[1.0,1.5],[2.0,)", ["1.2", "2.0", "10.0"], ["1.6", "1.9"]),
        ("[4.3.1]", ["4.3.1"], ["4.3.10", "4.3"]),
    ],
)
def test_a_range_holds_versions_as_maven_orders_them(
    text: str, inside: list[str], outside: list[str]
) -> None:
    wanted = VersionRange.parse(text)
    assert wanted is not None

    assert [version for version in inside if not wanted.contains(version)] == []
    assert [version for version in outside if wanted.contains(version)] == []


def test_a_bare_version_reads_as_a_range_of_one() -> None:
    assert str(VersionRange.parse("1.0")) == "[1.0,1.0]"
    assert str(VersionRange.parse("[1.0,2.0)")) == "[1.0,2.0)"


@pytest.mark.parametrize("text", ["[bad", "[1,2,3]", "(1.0", "1.0,2.0"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ConnectError, match=r"^Unbounded range: "):
        VersionRange.parse(text)
