"""Hundreds of commands that nobody would type on purpose: each works, or gets one message.

What is drawn is a setting of the configuration and a value that may be of any kind. Everything
is done that comes before the training: it is where mistakes have to be found.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from deltaflow.config.instantiation import GROUPS
from deltaflow.config.schema import RunConfig
from drawn import DRAWN, draws
from foreign import guarded
from prepared import prepared
from running import CONF, options

CHOSEN = (*GROUPS, "network", "trainer", "accelerator", "diagnostics", "logger", "experiment")
HUGE = (10**12, 10**18, 2**63, 10**23, -(10**12), 1e23, -1e300, "9" * 400)
ODD = (
    "null", "true", "false", "nan", "inf", "-inf", "???", "", "''", '""', "' '", "-1", "0", "-0",
    "1e-400", "1e400", "0x10", "1_000", "1.5", "0.5", "3", "'3'", "word", "two words", "a=b", "~",
    "a,b", "1,2", "range(3)", "interval(0,1)", "choice(a)", "glob(*)", "sort(3,1)", "int(x)",
    "str(3)", "float(inf)", "[]", "[1]", "[-1]", "[1,[2]]", "[a,b]", "[null]", "[nan,1,1]", "{}",
    "{a:1}", "{1:2}", "[", "]", "[[]", "{", "(", ")", "$", "${", "${seed}", "${nope}", "${a:b}",
    "${oc.env:NOPE}", "ünï", "'ünï'", "'日本語'", "δ", "'🙂'", "'a\\'b'", "\\", "a\0b", "a\tb",
    "\udcff", "[" * 300, "[" * 300 + "]" * 300, "a" * 1500, "2020-01-01", "!!set", "&a", "*a",
    "torch.nn.ReLU", "builtins.print", "os", "os.path", ".", "a.", "..a",
)  # fmt: skip
RESERVED = {"_target_"}  # which names code to run, and may name any
PREFIXES = ("", "", "", "", "", "", "+", "++", "~", "~~")


def keys() -> Iterator[tuple[tuple[str, ...], str]]:
    """Every setting there is: the option that has it, chosen first, and its dotted name."""
    for group in CHOSEN:
        for option in options(group):
            text = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8")
            place = "trainer" if group == "accelerator" else group
            nested = OmegaConf.to_container(OmegaConf.create(text))
            inside = "" if "@package _global_" in text else f"{place}."
            for name in nested:
                if name not in RESERVED | {"defaults", "hydra"}:
                    yield (f"{group}={option}",), f"{inside}{name}"
            yield (), group
    for name in OmegaConf.load(CONF / "train.yaml").data:
        yield (), f"data.{name}"
    yield from (((), name) for name in leaves(RunConfig))


def leaves(schema: type, prefix: str = "") -> Iterator[str]:
    """Every setting that the schema types, and the groups above them."""
    for entry in fields(schema):
        yield f"{prefix}{entry.name}"
        if is_dataclass(entry.type):
            yield from leaves(entry.type, f"{prefix}{entry.name}.")


OVERRIDES = st.tuples(
    st.sampled_from(sorted(set(keys()))),
    st.sampled_from(PREFIXES),
    st.one_of(
        st.sampled_from(ODD),
        st.sampled_from(HUGE).map(str),
        st.integers(-5, 40).map(str),
        st.floats(allow_nan=False).map(repr),
        st.text(max_size=8),
    ),
)


def check(drawn: tuple, directory) -> None:
    (chosen, name), prefix, value = drawn
    typed = f"{prefix}{name}" if prefix == "~~" else f"{prefix}{name}={value}"
    with guarded():
        message = prepared([*chosen, typed.replace("~~", "~")], directory)
    if message is None:
        return
    assert "should not have come so far" not in message, typed
    assert "Traceback" not in message
    assert len(message) < 2000, typed
    expected, found, advice = message.partition(". Found")
    assert expected, f"{typed}: {message}"
    assert found, f"{typed}: {message}"
    assert ". " in advice, f"{typed}: {message}"


@pytest.mark.filterwarnings("ignore")
@settings(DRAWN, max_examples=10)
@given(OVERRIDES)
def test_a_few_drawn_settings(tmp_path, drawn):
    check(drawn, tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@draws(45)
@given(OVERRIDES)
def test_a_drawn_setting_works_or_gets_one_message(tmp_path, drawn):
    check(drawn, tmp_path)
