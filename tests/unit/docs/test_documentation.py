"""The documentation names only what is there, and the generated page is up to date."""

import re
from pathlib import Path

import pytest

from docs import generate_configuration

_ROOT = Path(__file__).parents[3]
_PAGES = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md")])
#: Where a path in backticks may start.
_BASES = (_ROOT, _ROOT / "src" / "isthmus", _ROOT / "tests")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"`([\w.-]+/[\w./-]+\.(?:py|sh|tsv|properties|md))`")
_CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(_ROOT))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = _CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(text)
    }


@pytest.mark.parametrize("page", _PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken: list[str] = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", _PAGES, ids=name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = set(_FILE.findall(page.read_text(encoding="utf-8")))

    missing = [path for path in named if not any((base / path).exists() for base in _BASES)]

    assert missing == []


def test_every_test_that_proves_compatibility_exists() -> None:
    text = (_ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:unit|broker|cluster|peer|golden)/[^`]+)`", text))

    assert len(named) > 20, "the page names no tests; has its form changed?"
    assert sorted(path for path in named if not (_ROOT / "tests" / path).exists()) == []


def test_the_page_of_settings_is_what_the_definitions_say() -> None:
    written = generate_configuration.PAGE.read_text(encoding="utf-8")

    assert written == generate_configuration.page(), "run: python docs/generate_configuration.py"


def test_the_code_of_the_page_for_authors_is_that_of_the_examples() -> None:
    text = (_ROOT / "docs" / "writing-connectors.md").read_text(encoding="utf-8")
    examples = [file.read_text(encoding="utf-8") for file in (_ROOT / "examples").glob("*.py")]

    shown = _PYTHON.findall(text)

    assert len(shown) >= 5, "the page shows less code; has its form changed?"
    assert [code for code in shown if not any(code in example for example in examples)] == []
