"""Whatever stands in conf/ must pass these; a new YAML is tested with no edit here."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from deltaflow import Run
from deltaflow.data import Samples
from deltaflow.experiment.building import assembly, builders
from deltaflow.nn.activations import rebuild
from deltaflow.nn.task import Regression
from deltaflow.records import read_summary
from running import CONF, TABLE, composed, options, run, run_all

SMALL = ["logger=none", "network.width=8"]
COUNTING = ("data=", "trainer=", "experiment=", "debug=")  # may change the number of steps
NEEDED = {"table": [f"data.path={TABLE}", "data.target=species"]}  # what has no default


@cache
def _with_loss(option: str) -> list[str]:
    """Overrides that choose some data, and the loss of its task."""
    given = [f"data={option}", *NEEDED.get(option, [])]
    source = composed(given, Path()).data
    arguments = {name: source[name] for name in source if name not in builders.SERVING}
    is_regression = isinstance(Samples.of(instantiate(arguments)).task, Regression)
    return [*given, f"loss={'mse' if is_regression else 'ce'}"]


CASES = [
    pytest.param([f"{group}={option}"], id=f"{group}={option}")
    for group in (
        "activation",
        "init",
        "loss",
        "data",
        "network",
        "optimizer",
        "scheduler",
        "diagnostics",
        "logger",
        "trainer",
        "accelerator",
        "experiment",
        "debug",
    )
    for option in options(group)
]


@cache
def _for_ten_steps(*overrides: str) -> str:
    """As many epochs as take ten steps with the groups that decide how many an epoch has."""
    config = composed([*overrides], Path())
    n_batches = len(assembly.datamodule(config).train_dataloader())
    n_steps = min(n_batches, config.trainer.max_batches or n_batches)
    return f"trainer.max_epochs={math.ceil(10 / n_steps)}"


def test_only_measuring_nothing_leaves_no_flow(tmp_path):
    assert not len(run(["diagnostics=off", *SMALL, "trainer.max_epochs=1"], tmp_path).layers)
    for option in set(options("diagnostics")) - {"off"}:
        folder = tmp_path / option
        assert len(run([f"diagnostics={option}", *SMALL, "trainer.max_epochs=1"], folder).layers)


WITHOUT_A_CARD = not (torch.cuda.is_available() or torch.backends.mps.is_available())


PARTS = [
    [f"{group}={option}"]
    for group in ("activation", "init", "loss", "optimizer", "scheduler")
    for option in options(group)
] + [["network.normalization=batch", "network.dropout=0.2"]]
each_option = pytest.mark.parametrize("overrides", CASES)
pytestmark = pytest.mark.filterwarnings("ignore:.*has its softmax inside")  # presets show it


def _settings(overrides: list[str]) -> list[str]:
    if overrides == ["accelerator=gpu"] and WITHOUT_A_CARD:
        pytest.skip("no graphics card")
    group, _, option = overrides[0].partition("=")
    overrides = _with_loss(option) if group == "data" else overrides
    deciding = overrides if overrides[0].startswith(COUNTING) else []
    offline = ["logger.wandb.mode=offline"] if overrides == ["logger=wandb"] else []
    return [*SMALL, *overrides, *offline, _for_ten_steps(*deciding)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A run of each part of a network in a precision, all trained as one stack."""

    @cache
    def trained(*shared: str) -> dict[str, Run]:
        settings = [[*_settings(overrides), *shared] for overrides in PARTS]
        done = run_all(settings, tmp_path_factory.mktemp("parts"))
        return dict(zip(map(" ".join, PARTS), done, strict=True))

    return trained


@pytest.mark.slow
@each_option
def test_every_option_trains_and_each_replica_is_the_lone_run(
    overrides, parts, with_pictures, tmp_path
):
    double, three = "trainer.precision=64-true", ["seed=5", "n_seeds=3"]
    with with_pictures():
        lone = run([*_settings(overrides), double, "seed=6", "n_seeds=1"], tmp_path / "lone")
    if overrides in PARTS:
        stack = parts(double, *three)[" ".join(overrides)]
    else:
        stack = run([*_settings(overrides), double, *three], tmp_path / "stack")
    assert stack.summary["n_steps"] >= 10
    tolerance = 1e-2 if "experiment=tanh_chaos" in overrides else 1e-9  # rounding grows there
    for stacked, single in zip(stack.network.parameters(), lone.network.parameters(), strict=True):
        scale = single.detach().abs().max().clamp(min=1)
        assert (stacked[1] - single[0]).abs().max() <= tolerance * scale
    _assert_complete(lone, n_replicas=1)
    _assert_complete(stack, n_replicas=3)
    if len(lone.layers):
        assert (tmp_path / "lone" / "flow.png").stat().st_size > 10_000


def _assert_complete(result, n_replicas):
    assert read_summary(result.directory) == result.record
    assert result.summary["status"] == "completed"
    assert len(result.summary["replicas"]) == n_replicas
    for replica in result.summary["replicas"]:
        judged = replica["test"] or replica["final"]  # a preset may leave no rows to test
        assert judged
        assert all(math.isfinite(value) for value in judged.values())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_every_part_of_a_network_trains_in_any_precision(precision, parts):
    for done in parts(f"trainer.precision={precision}", "n_seeds=2").values():
        _assert_complete(done, n_replicas=2)


@pytest.mark.slow
@pytest.mark.parametrize("option", options("activation"))
def test_every_activation_is_rebuilt_from_a_checkpoint(option, parts):
    result = parts("trainer.precision=32-true", "n_seeds=2")[f"activation={option}"]
    checkpoint = torch.load(result.directory / "checkpoints" / "last.ckpt", weights_only=True)
    arguments = dict(checkpoint["architecture"]["activation"])
    phi = rebuild(arguments.pop("_target_"), arguments)
    z = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(phi(z), result.network.activations[0](z))


@pytest.mark.parametrize("data", ["breast_cancer", "iris"])  # two classes, and three
@pytest.mark.parametrize("option", options("loss"))
def test_the_default_step_suits_the_curvature_of_every_loss(option, data):
    """Step times curvature, which is what training is stable by, is at most that of mse."""
    config = composed([f"loss={option}", f"data={data}"], Path())
    objective = builders.objective(config, assembly.datamodule(config))
    output = torch.zeros(objective.n_outputs, dtype=torch.float64)

    def loss(z):
        return objective.sample_loss(z[None, None], torch.tensor([[1]])).squeeze()

    greatest = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, output)).max()
    if data == "breast_cancer":
        assert config.optimizer.lr * greatest == pytest.approx(0.05 if option == "mse" else 0.025)
    assert config.optimizer.lr * greatest <= 0.05 + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("option", sorted(set(options("data")) - set(NEEDED)))
def test_the_default_step_is_not_too_long_for_squared_errors(option, tmp_path):
    settings = [f"data={option}", "loss=mse", "n_seeds=2", "logger=none", "trainer.max_epochs=20"]
    dies, unbounded = "activation=relu", "activation=identity"
    for trained in run_all([[*settings, dies], [*settings, unbounded]], tmp_path):
        kinds = {verdict["kind"] for verdict in trained.summary["verdicts"]}
        assert not kinds & {"dead", "inactive", "violent", "divergence"}


def test_a_step_that_is_given_wins_over_the_one_that_suits_the_loss():
    for given, lr in {"": 0.025, "optimizer.lr=0.3": 0.3, "optimizer=adam": 0.01}.items():
        assert composed(["loss=mse", *filter(None, [given])], Path()).optimizer.lr == lr
    assert composed(["experiment=iris_linear_mse"], Path()).optimizer.lr == 0.001


@pytest.mark.parametrize("option", options("experiment"))
def test_every_experiment_says_what_to_watch(option):
    first, *comments = (CONF / "experiment" / f"{option}.yaml").read_text().splitlines()
    assert first == "# @package _global_"
    assert any("Watch" in line or "Compare" in line for line in comments if line[0] == "#")
