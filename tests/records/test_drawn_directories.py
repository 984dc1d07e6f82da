"""Files of a run drawn from the types of the records: each costs its own run, and no other."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltaflow.experiment.checkpoints.networks import Architecture
from deltaflow.records import LAYERS, METRICS, Schema, Summary, summary_of
from deltaflow.system.escaping import encodable
from drawn import DRAWN, TEXTS, damaged, draws, json_of
from foreign import (
    ARCHITECTURE,
    PLACES,
    everything,
    guarded,
    statuses,
    write_checkpoint,
    write_sweep,
)

TABLES = {"layers.parquet": LAYERS, "metrics.parquet": METRICS}


@st.composite
def tables(draw: st.DrawFn, schema: Schema) -> pl.DataFrame:
    """A table of a run, with some columns or rows that are not as they should be."""
    n = draw(st.integers(0, 6))
    values = {pl.Int64: st.integers(0, 3), pl.String: st.sampled_from(["train", "test"])}
    usual = st.floats(width=64) | st.none()
    frame = pl.DataFrame(
        {c.name: draw(st.lists(values.get(type(c.dtype), usual), min_size=n, max_size=n))
         for c in schema.columns},
        schema_overrides=schema.types,
    )  # fmt: skip
    for name in draw(st.lists(st.sampled_from(frame.columns), max_size=2, unique=True)):
        act = draw(st.sampled_from(["drop", "cast", "null", "number", "name"]))
        if act == "drop":
            frame = frame.drop(name)
        elif act == "cast":
            kind = draw(st.sampled_from([pl.Int8, pl.UInt64, pl.Float64, pl.String, pl.Null]))
            frame = frame.with_columns(pl.col(name).cast(kind, strict=False))
        elif act == "null":
            frame = frame.with_columns(pl.lit(None).alias(name))
        elif act == "number":
            number = draw(st.integers(-(2**63), 2**63 - 1) | st.floats())
            frame = frame.with_columns(pl.lit(number).alias(name))
        else:
            new = encodable(draw(TEXTS))
            frame = frame if new in frame.columns else frame.rename({name: new})
    return frame


@st.composite
def files(draw: st.DrawFn) -> tuple[str, object]:
    """What is done to a sweep: the path of a file in it, and its content."""
    act = draw(st.sampled_from(["summary", "summary", "table", "architecture", "bytes"]))
    if act == "summary":
        return "1_y/summary.json", draw(damaged(json_of(Summary)))
    if act == "table":
        name = draw(st.sampled_from(sorted(TABLES)))
        return f"1_y/{name}", draw(tables(TABLES[name]))
    if act == "architecture":
        whole = st.just(ARCHITECTURE).map(lambda a: json.loads(json.dumps(a)))
        return "1_y/checkpoints/last.ckpt", draw(damaged(whole | json_of(Architecture)))
    name = draw(st.sampled_from([p for p in PLACES if p.startswith(("1_y/", "2_z/")) and "." in p]))
    return name, draw(st.tuples(st.floats(0, 1), st.binary(max_size=9), st.booleans()))


def put(sweep: Path, name: str, content: object) -> None:
    """Make a file of a sweep what was drawn."""
    path = sweep / name
    if isinstance(content, tuple):  # some bytes in the midst of the file, or its end cut off
        if path.is_file():
            share, new, is_cut = content
            old = path.read_bytes()
            at = int(share * len(old))
            path.write_bytes(old[:at] + new + (b"" if is_cut else old[at + len(new) :]))
    elif isinstance(content, pl.DataFrame):
        content.write_parquet(path)
    elif name.endswith(".ckpt"):
        write_checkpoint(path.parents[1], content)
    else:
        path.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("drawn") / "sweep")


@pytest.fixture(scope="module")
def check(pristine):
    """Put a file into a sweep, and read and resume that: the other run is there all the same."""

    def act(name, content):
        with TemporaryDirectory() as folder:
            sweep = shutil.copytree(pristine, Path(folder, "sweep"))
            put(sweep, name, content)
            with guarded():
                said = everything(sweep)
        assert not any("\x1b" in text for text in said)
        assert not any("Traceback" in text or "should not have come" in text for text in said)
        assert ("a=1", "completed") in statuses(said), said[0]

    return act


@pytest.mark.filterwarnings("ignore")
@settings(DRAWN, max_examples=8)
@given(files())
def test_a_few_drawn_files(check, drawn):
    check(*drawn)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@draws(60)
@given(files())
def test_a_drawn_file_costs_its_own_run(check, drawn):
    check(*drawn)


@draws(100)
@given(json_of(Summary))
def test_what_the_types_allow_is_a_summary(drawn):
    seeds = [replica["seed"] for replica in drawn["replicas"]]
    if len(set(seeds)) == len(seeds):
        assert summary_of(drawn).status == drawn["status"]
