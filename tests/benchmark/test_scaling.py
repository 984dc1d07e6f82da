import importlib.metadata
import json
import shutil
import sys
from importlib.util import find_spec
from itertools import pairwise

import pytest
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import benchmark
from benchmark import programs, rivals, scaling
from benchmark.trainings import Work, train_by_loop

SHORT = ["network.depth=2", "network.width=8", "trainer.max_epochs=2"]
EXACT = [*scaling.WORK, *SHORT, "n_seeds=3", "trainer.precision=64-true"]


@pytest.fixture(scope="module")
def work():
    return Work.of(EXACT)


@pytest.mark.skipif(find_spec("jax") is None, reason="the extra of the benchmark is not installed")
@pytest.mark.parametrize(
    ("own", "tolerance"),
    [([], 1e-12), (["optimizer.momentum=0"], 1e-12), (["trainer.precision=32-true"], 1e-5)],
)
def test_jax_reaches_the_same_weights(own, tolerance):
    work = Work.of([*EXACT, *own])
    version, seconds, reached = programs.train_by_jax(work, sys.executable)
    assert version == importlib.metadata.version("jax")
    assert seconds > 0
    assert programs.apart(work, reached) < tolerance
    start = programs.parameters(work.module.network)
    assert start.keys() == reached.keys()
    assert all((reached[name] != start[name]).any() for name in start)


@pytest.mark.usefixtures("quick_imports")
@pytest.mark.parametrize(
    "own", [[], ["data.batch_size=50", "activation=relu", "data.split=[1,0,0]"]]
)
def test_a_lightning_script_reaches_the_same_weights(own):
    work = Work.of([*EXACT, *own])
    seconds, reached = programs.train_by_script(work)
    assert seconds > 0
    assert programs.apart(work, reached) < 1e-12
    start = programs.parameters(work.module.network)
    assert start.keys() == reached.keys()
    assert all(len(end) == 1 and (end != start[name][:1]).any() for name, end in reached.items())


@pytest.mark.parametrize(
    "own", ["loss=mse", "optimizer=adam", "+optimizer.weight_decay=0.1", "activation=elu"]
)
def test_work_that_others_are_not_taught_is_refused(own):
    with pytest.raises(ValueError, match="are compared on tanh, cross-entropy and plain SGD"):
        programs.train_by_script(Work.of([*EXACT, own]))


def test_jax_asks_for_whole_batches():
    with pytest.raises(
        ValueError, match=r"must divide the 120 rows of training\. Found 16\. Use 8"
    ):
        programs.train_by_jax(Work.of([*EXACT, "data.batch_size=16"]), "python")


@pytest.mark.parametrize("reached", [1.0, float("nan")])
def test_jax_that_does_other_work_is_refused(reached, work, monkeypatch):
    start = {name: own * reached for name, own in programs.parameters(work.module.network).items()}
    monkeypatch.setattr(programs, "train_by_jax", lambda *_: ("0", 1.0, start))
    with pytest.raises(ValueError, match=r"must reach the same weights.*«JAX 0, vmap»"):
        scaling._jax_name(work, "python")


@pytest.mark.parametrize(
    ("python", "said"),
    [("nowhere/python", "No such file"), (shutil.which("false"), "non-zero exit status 1")],
)
def test_an_interpreter_without_jax_gets_one_message(python, said, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--scaling", "--table=others", "--many=2", "--jax", python, *SHORT])
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith("deltaflow: `--jax` must name an interpreter that has JAX. Found ")
    assert f"{python}, which says: " in message
    assert said in message


def test_the_stacked_loop_reaches_the_weights_of_plain_loops(work):
    reached = {}
    _, networks = train_by_loop(work, 3)
    layers = [[layer for layer in one if isinstance(layer, nn.Linear)] for one in networks]
    for i, alike in enumerate(zip(*layers, strict=True)):
        reached[f"w{i}"] = torch.stack([layer.weight.detach().mT for layer in alike])
        reached[f"b{i}"] = torch.stack([layer.bias.detach() for layer in alike])
    assert programs.apart(work, reached) < 1e-12


def test_sklearn_trains_as_many_steps_of_the_same_shape(work, monkeypatch):
    fit, seen = MLPClassifier.fit, []
    monkeypatch.setattr(MLPClassifier, "fit", lambda self, *data: seen.append(fit(self, *data)))
    assert rivals.train_by_sklearn(work) > 0
    (classifier,) = seen
    sizes = work.module.network.sizes
    assert [weight.shape for weight in classifier.coefs_] == list(pairwise(sizes))
    assert classifier.n_iter_ == work.epochs
    assert classifier.t_ == work.epochs * len(work.train[0])
    assert (classifier.learning_rate_init, classifier.momentum) == (0.05, 0.9)


def test_operations_are_those_of_the_products(work):
    sizes = work.module.network.sizes
    layers = [nn.Linear(*pair) for pair in pairwise(sizes)]
    with FlopCounterMode(display=False) as counter:
        nn.Sequential(*layers)(torch.rand(5, sizes[0])).sum().backward()
    assert rivals.operations(sizes, batch_size=5, n_steps=1) == counter.get_total_flops()


@pytest.fixture
def tables(monkeypatch, tmp_path, capsys):
    """Measures with runs that take one second, and five milliseconds for each network."""

    def run(overrides, n):
        measured = 0.0 if "diagnostics=off" in overrides else 0.1
        fit = 1 + 5e-3 * n + measured
        return {"fit": fit, "whole": 2 * fit, "peak": n * 2**20}

    def measure(*typed):
        path = tmp_path / "figures.json"
        benchmark.main(["--scaling", *typed, *SHORT, "--output", str(path)])
        capsys.readouterr()
        return json.loads(path.read_text())["tables"]

    monkeypatch.setattr(scaling, "run", run)
    monkeypatch.setattr(rivals, "product_rate", lambda: 1e9)
    return measure


def test_one_network_more_is_what_many_cost_beyond_one(tables):
    (table,) = tables("--table=others", "--many=4", "--repeats=2")
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["deltaflow, one network more: fit"] == ["5.00", "1", "≤ 6 ms", "yes"]
    assert rows["deltaflow, one network more: the whole run"][0] == "10.00"
    assert rows.keys() >= {"plain loop", "bare Lightning", "stacked loop", *scaling.TARGETS} - {
        "JAX"
    }
    loop = float(rows["plain loop"][0])
    assert float(rows["plain loop"][1]) == pytest.approx(loop / 5, abs=0.06)


def test_stacks_of_all_sizes_are_told_with_their_memory(tables):
    (table,) = tables("--table=replicas", "--replicas=1,10000", "--repeats=2")
    assert table["rows"] == [
        ["1", "1.10", "1105.00", "2.21", "1"], ["10,000", "51.10", "5.11", "102.20", "10,000"],
    ]  # fmt: skip


def test_what_measuring_costs_is_a_ratio_to_training_alone(tables):
    (table,) = tables("--table=cadence", "--many=100", "--repeats=2")
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["no diagnostics, no logs"] == ["1.00", "1.00", "1.50", "1.00"]
    assert rows["every 10 steps (default)"] == ["1.10", "1.10", "1.60", "1.07"]


def test_the_limit_is_the_rate_of_the_machine(tables, monkeypatch):
    monkeypatch.setattr(scaling, "WIDE", ("data.batch_size=30", *scaling.BARE))
    monkeypatch.setattr(rivals, "product_rate", lambda: 1e6)
    (table,) = tables("--table=limit", "--repeats=2")
    rate = 16 * rivals.operations([4, 8, 8, 3], batch_size=30, n_steps=8) / (1 + 5e-3 * 16)
    assert [row[0] for row in table["rows"]] == ["1", "2"]
    for _, fit, _, _, share, holds in table["rows"]:
        assert (fit, share, holds) == ("1.08", f"{rate / 1e6:.0%}", "yes")


@pytest.mark.parametrize(
    "own", [*scaling.SHAPES.values(), *scaling.CADENCES.values(), scaling.WIDE]
)
def test_whatever_is_measured_can_be_trained(own):
    work = Work.of([*scaling.WORK, *own])
    assert len(work.train[0]) >= work.batch_size


@pytest.mark.slow
@pytest.mark.usefixtures("quick_imports")
def test_a_run_has_a_process_of_its_own():
    small, large = (
        scaling.run([*scaling.WORK, *SHORT, f"network.width={width}"], 2) for width in (8, 1024)
    )
    assert 0 < small["fit"] < small["whole"]
    assert large["peak"] > small["peak"] + 2 * 1024**2 * 4
