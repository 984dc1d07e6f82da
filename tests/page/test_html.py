import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder

import synthetic
from deltaflow.comparison.collection import collect
from deltaflow.comparison.comparison import compare_runs
from deltaflow.comparison.configurations.grouped_runs import group_runs
from deltaflow.comparison.configurations.ranked_configuration import Finding
from deltaflow.page import html as page
from deltaflow.page.content import content
from deltaflow.page.html import write_page
from deltaflow.page.meanings import MEANINGS
from running import ROOT
from seeing import SIGHTS, contrast, lab
from written import write_run

ASSETS = ROOT / "src" / "deltaflow" / "page" / "assets"
OWN_SCRIPTS = sorted(ASSETS.glob("*.js"))
STRINGS = pytest.mark.parametrize("text", [*synthetic.HOSTILE, "$title $$ ${content}", ""])


class Reader(HTMLParser):
    """What a browser finds in a page: elements, and the texts of scripts and styles."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=False)
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[tuple[str, dict, str]] = []
        self._raw = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._raw = [tag, dict(attributes), ""]

    def handle_data(self, data):
        if self._raw:
            self._raw[2] += data

    def handle_endtag(self, tag):
        if self._raw and tag == self._raw[0]:
            self.texts.append(tuple(self._raw))
            self._raw = None

    def run(self) -> list[str]:
        """The scripts that are code."""
        return [t for tag, a, t in self.texts if tag == "script" and "type" not in a]

    def content(self) -> dict:
        """The content, put together again."""
        blocks = {a["id"]: json.loads(t) for tag, a, t in self.texts if "json" in a.get("type", "")}
        whole = blocks["content"]
        whole["runs"] = [run | blocks[f"detail-{run['id']}"] for run in whole["runs"]]
        return whole


def read(content) -> Reader:
    return Reader(page.page(content))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Of two configurations, one of which diverged."""
    folder = tmp_path_factory.mktemp("sweep")
    write_run(folder / "0_x", ["a=1"], range(3))
    write_run(folder / "1_x", ["a=2"], range(3), diverged={0: 4})
    return compare_runs(group_runs(collect([folder])), "Sweep 2026", folder)


def test_a_page_is_one_file_and_leaves_nothing_beside_it(comparison, tmp_path):
    write_page(comparison, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_page_replaces_an_older_one(comparison, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_page(comparison, path)
    assert "Sweep 2026" in path.read_text(encoding="utf-8")


def test_pages_that_are_made_up_hold_what_those_of_runs_hold(comparison):
    """Or the tests below, and those in Chromium, would try what never comes."""
    own, made_up = content(comparison), synthetic.small()
    assert own.keys() == made_up.keys()
    for name in ("metric", "axes", "effects", "numbers", "runs"):
        pair = [found[name] if name == "metric" else found[name][0] for found in (own, made_up)]
        assert pair[0].keys() == pair[1].keys(), name
    pair = [found["runs"][0] for found in (own, made_up)]
    for name in ("profile", "heatmap", "n_zero"):
        assert pair[0][name].keys() == pair[1][name].keys(), name
    numbers = [run["numbers"]["accuracy"].keys() for run in pair]
    curves = [run["curves"]["train"].keys() for run in pair]
    against = [found["runs"][1]["against"].keys() for found in (own, made_up)]
    assert all(one == other for one, other in (numbers, curves, against))


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_a_page_says_what_it_is_of(kind):
    assert f"report of a {kind}<" in page.page(synthetic.one_run() | {"kind": kind})


@pytest.mark.parametrize("name", ["small", "one_run", "all_failed", "empty", "hostile"])
def test_a_page_holds_the_whole_content(name):
    content = getattr(synthetic, name)()
    assert read(content).content() == json.loads(json.dumps(content))


def test_no_element_names_another_file():
    for tag, attributes in read(synthetic.small()).elements:
        reference = attributes.get("src") or attributes.get("href") or attributes.get("srcset")
        assert not reference or reference.startswith("#") or reference == "data:,", tag
        assert not {name for name in attributes if name.startswith("on")}
        assert "style" not in attributes


def test_the_policy_allows_these_scripts_and_styles_and_no_request():
    reader = read(synthetic.small())
    (policy,) = (a["content"] for tag, a in reader.elements if "http-equiv" in a)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert not {name for name in rules if name.startswith(("connect", "font", "frame", "media"))}
    assert rules["img-src"] == "data: blob:"
    styles = [text for tag, _, text in reader.texts if tag == "style"]
    assert set(rules["script-src"].split()) == {_hash(text) for text in reader.run()}
    assert set(rules["style-src-elem"].split()) == {_hash(text) for text in styles}


@STRINGS
def test_no_string_can_end_a_script_or_become_an_element(text):
    content = synthetic.one_run()
    expected = [tag for tag, _ in read(content).elements]
    content |= {
        "title": text,
        "heading": text,
        "headline": [text] * 2,
        "sentence": text,
        "versions": text,
        "command": text,
        "notes": [text] * 3,
    }
    content["runs"][0] |= {"label": text, "reason": text, "config": text, "command": text}
    content["numbers"][0]["title"] = text
    reader = read(content)
    assert [tag for tag, _ in reader.elements] == expected
    assert reader.content() == content


def test_what_a_note_says_to_type_is_code():
    text = page.page(synthetic.one_run() | {"notes": ["With `seed=16`, not `<b>`.", "a ` alone"]})
    assert "<li>With <code>seed=16</code>, not <code>&lt;b&gt;</code>.</li>" in text
    assert "<li>a ` alone</li>" in text


def test_half_a_surrogate_pair_does_not_stop_a_page(comparison, tmp_path):
    write_page(replace(comparison, title="\ud800"), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>?</title>" in text
    assert Reader(text).content()["title"] == "\ud800"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(number):
    content = synthetic.one_run()
    content["runs"][0]["heatmap"]["values"][0][0] = number
    with pytest.raises(ValueError, match=r"must hold finite numbers.*Found.*Make it None"):
        page.page(content)


def test_the_large_part_of_a_run_waits_until_it_is_asked_for():
    reader = read(synthetic.small())
    (first,) = (t for tag, a, t in reader.texts if a.get("id") == "content")
    assert not set(page.DETAIL) & set(json.loads(first)["runs"][0])


def test_a_thousand_runs_fit_into_thirty_megabytes():
    content = synthetic.thousand()
    assert len(content["runs"]) == 1000
    assert len(page.page(content).encode()) < 30e6


def test_the_wheel_carries_the_assets():
    packed = {
        Path(file.distribution_path) for file in WheelBuilder(str(ROOT)).recurse_included_files()
    }
    carried = {path.name for path in packed if path.parent == Path("deltaflow/page/assets")}
    assert carried == {path.name for path in ASSETS.iterdir()}
    assert carried >= {"template.html", "report.css", "report.js"}


def test_every_script_and_style_is_in_the_page():
    assert {path.stem for path in OWN_SCRIPTS} == {*page.SCRIPTS, "early"}
    assert {path.stem for path in ASSETS.glob("*.css")} == set(page.STYLES)


@pytest.mark.parametrize("path", sorted(ASSETS.iterdir()), ids=lambda p: p.name)
def test_an_asset_tells_one_story(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda p: p.name)
def test_no_script_makes_markup_or_code_of_text(path):
    text = path.read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                "new Function", "DOMParser", "fetch(", "XMLHttpRequest", "import("):  # fmt: skip
        assert way not in text


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", ["LIGHT", "DARK"])
def test_the_six_runs_drawn_at_first_differ_for_every_eye(theme, sight):
    seen = [lab(color, sight) for color in _palette(theme)[:6]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 18


@pytest.mark.parametrize(("theme", "paper"), [("LIGHT", "#ffffff"), ("DARK", "#15171a")])
def test_every_colour_stands_out_from_the_paper(theme, paper):
    css = (ASSETS / "report.css").read_text(encoding="utf-8")
    assert "--paper: light-dark(#ffffff, #15171a);" in css
    for color in _palette(theme):
        assert contrast(color, paper) >= 3


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _palette(theme: str) -> list[str]:
    looks = (ASSETS / "looks.js").read_text(encoding="utf-8")
    return re.findall("#[0-9a-f]{6}", looks.partition(f"const {theme} =")[2])[:8]


def test_every_kind_of_verdict_has_a_meaning():
    rooms = ("verdicts", "watching.verdicts")
    own = [import_module(f"deltaflow.{room}.words")._SENTENCES for room in rooms]
    assert set(MEANINGS) == set().union(*own)


def test_terms_are_those_that_a_report_has(comparison):
    said = {one["term"]: one["meaning"] for one in content(comparison)["terms"]}
    assert {"decay rate", "vanishing index"} <= set(said)
    assert "saturated" not in said  # no unit of it can be
    found = [Finding("hidden_vanishing", "…"), Finding("of a plugin", "…")]
    first = replace(comparison.ranking[0], findings=found)
    said = content(replace(comparison, ranking=[first]))["terms"]
    assert said[0] == {"term": "hidden vanishing", "meaning": MEANINGS["hidden_vanishing"]}
    assert "of a plugin" not in {one["term"] for one in said}
