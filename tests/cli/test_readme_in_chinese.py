"""Both READMEs show the same: every block of code, exactly, every command, option and link."""

import re

import pytest

from running import ROOT

ENGLISH, CHINESE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
)
BLOCK = re.compile(r"^```\w+\n.*?^```$", flags=re.DOTALL | re.MULTILINE)
PROSE = tuple(BLOCK.sub("", text) for text in (ENGLISH, CHINESE))


def both(pattern: str) -> tuple[list[str], list[str]]:
    """All that matches in either, however its lines are broken."""
    found = (re.findall(pattern, text, flags=re.MULTILINE) for text in PROSE)
    english, chinese = ([" ".join(one.split()) for one in own] for own in found)
    return english, chinese


def test_blocks_of_code_are_the_same_in_the_same_order():
    english, chinese = BLOCK.findall(ENGLISH), BLOCK.findall(CHINESE)
    assert len(english) > 10
    assert english == chinese


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("commands", r"`((?:python|pip|deltaflow-\w+)[^`]*)`"),
        ("settings", r"`([\w.-]+=[^`<]*)`"),
        ("options", r"^\| (`\w+` \| \w[\w, ]*)"),
        ("links", r"\]\(([^)#]+)\)"),
        ("quotations", r"^> (.*)$"),
    ],
)
def test_prose_names_the_same_in_the_same_order(what, pattern):
    english, chinese = both(pattern)
    of_its_own = [target for target in chinese if target in ("README.md", "README.zh.md")]
    assert english
    assert [one for one in chinese if one not in of_its_own] == [
        one for one in english if one not in ("README.md", "README.zh.md")
    ]


def test_there_are_as_many_headings_and_paragraphs_in_bold():
    for pattern in (r"^#+ ", r"^\*\*[^*]+\*\*"):
        english, chinese = both(pattern)
        assert len(english) == len(chinese) > 0


def test_every_file_it_links_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", CHINESE):
        assert (ROOT / target).exists(), target


def test_it_is_chinese():
    characters = re.findall(r"[\u4e00-\u9fff]", PROSE[1])
    assert len(characters) > 1000
    assert not re.search(r"[\u4e00-\u9fff][,;:?!]", PROSE[1])  # a full stop of its own script
