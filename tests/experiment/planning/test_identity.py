"""Two configurations are one and the same run if, and only if, their records would be."""

import os

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from deltaflow.experiment.planning.identity import identity
from running import TABLE, composed

SAME = {
    "another logger": ["logger=csv"],
    "another sweep": ["sweep.resume=elsewhere", "sweep.fail_fast=true"],
    "another machine": ["accelerator=auto", "trainer.threads=3"],
    "looked at more closely": ["trainer.profiler=simple"],
    "other histograms": ["diagnostics.histogram_every_n_steps=7"],
    "flushed more often": ["diagnostics.flush_seconds=0"],
    "the default in words": ["network.depth=2", "activation=relu"],
    "a reference": ["n_seeds=${data.split_seed}", "data.split_seed=1"],
}
OTHER = {
    "seed": ["seed=1"],
    "seeds": ["n_seeds=2"],
    "option": ["activation=tanh"],
    "value of a part": ["init=normal", "init.sigma_w=2"],
    "data": ["data.label_noise=0.1"],
    "precision": ["trainer.precision=64-true"],
    "epochs": ["trainer.max_epochs=5"],
    "what is measured": ["diagnostics.every_n_steps=5"],
    "what is measured at all": ["diagnostics=off"],
    "a callback of one's own": ["+callbacks.mine._target_=my.Callback"],
    "null": ["data.batch_size=null"],
}


@pytest.mark.parametrize("overrides", SAME.values(), ids=SAME)
def test_what_gives_the_same_records_is_the_same_run(overrides, tmp_path):
    reference = ["n_seeds=1", "data.split_seed=1"] if overrides[0][:7] == "n_seeds" else []
    assert identity(composed(overrides, tmp_path / "a")) == identity(
        composed(reference, tmp_path / "b")
    )


def test_all_that_decides_the_records_makes_another_run(tmp_path):
    found = [identity(composed(overrides, tmp_path)) for overrides in [[], *OTHER.values()]]
    assert len(set(found)) == len(found)


def test_the_order_of_settings_does_not_matter(tmp_path):
    settings = ["+data.a=1", "+data.b=2"]
    assert identity(composed(settings, tmp_path)) == identity(composed(settings[::-1], tmp_path))


def test_it_is_of_64_hexadecimal_digits(tmp_path):
    found = identity(composed([], tmp_path))
    assert len(found) == 64
    assert int(found, 16)


def test_where_hydra_writes_does_not_matter(monkeypatch):
    def within(folder: str, n: int) -> str:
        hydra = {"hydra": {"runtime": {"output_dir": folder}}}
        monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create(hydra))
        mine = {"folder": "${hydra:runtime.output_dir}/x", "n": n}
        config = OmegaConf.create({"callbacks": {"mine": mine}})
        assert config.callbacks.mine.folder == f"{folder}/x"
        return identity(config)

    assert within("a", 1) == within("b", 1) != within("a", 2)


def test_it_is_the_same_when_hydra_has_gone(monkeypatch):
    folder = {"folder": "${hydra:runtime.output_dir}"}
    config = OmegaConf.create({"logger": folder, "slope": "${oc.select:activation.slope,0.0}"})
    hydra = {"hydra": {"runtime": {"output_dir": "here"}}}
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create(hydra))
    there = identity(config)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    assert identity(config) == there == identity(OmegaConf.create({"slope": 0.0}))


def test_a_reference_that_leads_nowhere_is_told_as_it_was_typed():
    typed = [OmegaConf.create({"seed": f"${{{name}}}"}) for name in ("nope", "nowhere")]
    assert identity(typed[0]) != identity(typed[1])


def _of_table(path) -> str:
    return identity(OmegaConf.create({"data": {"path": str(path)}}))


def test_a_table_counts_by_its_content(tmp_path):
    moved, edited = tmp_path / "moved.csv", tmp_path / "edited.csv"
    moved.write_bytes(TABLE.read_bytes())
    edited.write_bytes(TABLE.read_bytes() + b"1,2,red,true,setosa,earth\n")
    assert _of_table(moved) == _of_table(TABLE) != _of_table(edited)
    moved.write_bytes(edited.read_bytes())
    assert _of_table(moved) == _of_table(edited)


def test_a_table_counts_by_its_content_wherever_its_path_starts(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_bytes(TABLE.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _of_table("~/mine.csv") == _of_table(TABLE)
    monkeypatch.chdir(tmp_path)
    assert _of_table("mine.csv") == _of_table("./mine.csv") == _of_table(TABLE)
    hydra = {"job": {"chdir": True}, "runtime": {"cwd": str(tmp_path)}}
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create({"hydra": hydra}))
    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(tmp_path / "outputs")
    assert _of_table("mine.csv") == _of_table(TABLE)
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    assert _of_table("mine.csv") == _of_table("~/mine.csv") != _of_table(TABLE)


@pytest.mark.parametrize("path", ["nowhere.csv", ".", "a\0b", os.devnull])
def test_a_path_to_no_table_counts_as_it_stands(path):
    assert _of_table(path) != _of_table(f"{path} ")


def test_a_table_that_comes_through_a_pipe_is_left_to_its_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert _of_table(tmp_path / "pipe") != _of_table(TABLE)
