"""What the theory command prints, against the theory itself."""

import io
import math
import re
import warnings
from dataclasses import asdict, dataclass

import numpy as np
import pytest
from omegaconf import OmegaConf
from rich.console import Console
from torch import nn

from deltaflow.commands.analysis import theory
from deltaflow.commands.analysis.theory_prediction import draw_phase_diagram, predict_network
from deltaflow.config.instantiation import build_part
from deltaflow.experiment.building import assembly
from deltaflow.nn.initializers import Initializer, Normal, Torch, Xavier
from deltaflow.records import read_summary
from deltaflow.terminal.theory import print_theory
from deltaflow.theory import Moments, edge_of_chaos, fixed_point, predict, typical_variances
from deltaflow.theory.network import Theory
from running import CONF, TABLE, composed, exit_status, options, run

TANH = ["activation=tanh", "init=normal", "init.sigma_w=1.2", "init.sigma_b=0.2"]


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The table's rows, without its heading."""
        lines = [line for line in self.out.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]

    def __getitem__(self, label: str) -> str:
        """What stands behind a label."""
        (found,) = re.findall(rf"^{label}  +(.*)$", self.out, flags=re.MULTILINE)
        return found


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """The command, in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Said:
        status = exit_status(theory.main, arguments)
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return command


def unfolded(row: list[str]) -> list[list[str]]:
    """The layers that share a row; between its first and its last, numbers grow evenly in ln."""
    first, _, last = row[0].partition("–")
    n = int(last or first) - int(first) + 1
    ends = [[float(v) for v in cell.split(" → ")] if i > 1 and cell != "–" else [cell]
            for i, cell in enumerate(row)]  # fmt: skip
    cells = [np.geomspace(v[0], v[-1], n) if isinstance(v[0], float) else v * n for v in ends]
    return [[str(int(first) + i), *(str(column[i]) for column in cells[1:])] for i in range(n)]


def printed(activation, initializer, sizes=(4, 32, 32, 32, 3), dropout=0.0) -> Said:
    """The same, without a configuration."""
    out = Console(file=io.StringIO(), width=200)
    of = Theory(sizes, activation, initializer, dropout)
    print_theory(out, predict_network("it", of, np.array([0.7, 1.0, 1.3])))
    return Said(0, out.file.getvalue(), "")


def test_the_table_holds_the_prediction_layer_by_layer(said, tmp_path):
    found = said(*TANH, "network.depth=30", "data.train_rows=50")
    data = assembly.datamodule(composed(["data.train_rows=50"], tmp_path))
    x = data.probe(50)[0].double().square().mean(-1).numpy()
    expected = predict([4, *[32] * 30, 3], Moments(nn.Tanh()), Normal(1.2, 0.2), x)
    assert len(x) == 50
    assert found.status == 0
    assert {row[1] for row in found.rows} == {"4 → 32", "32 → 32", "32 → 3"}
    rows = [cells for row in found.rows for cells in unfolded(row)]
    assert [int(row[0]) for row in rows] == [*range(1, 32)]
    assert len(found.rows) < 20
    q, *hidden = zip(*[row[2:] for row in rows], strict=True)
    np.testing.assert_allclose(
        [float(v) for v in q], expected.preactivation_second_moment, rtol=5e-3
    )
    for cells, profile in zip(
        hidden, (expected.chi, expected.delta_norm, expected.sample_grad_rms), strict=True
    ):
        assert cells[-1] == "–"
        np.testing.assert_allclose([float(v) for v in cells[:-1]], profile, rtol=5e-3)


def test_the_words_hold_the_fixed_point_and_the_edge(said):
    found = said(*TANH, "network.depth=30")
    point = fixed_point(Moments(nn.Tanh()), 1.2, 0.2)
    assert found["Phase"] == f"ordered: gradients vanish, χ₁ = {point.chi:.4g}"
    assert found["Variances"] == "σ_w² = 1.44, σ_b² = 0.04 between hidden layers"
    assert found["Signals"] == f"q* = {point.q:.4g}, ξ_q = {point.xi_q:.1f} layers"
    nearer = f"e times nearer to it every ξ_c = {point.xi_c:.1f} layers"
    assert found["Correlations"] == f"c* = 1: inputs become alike, {nearer}"
    rate = f"×{math.sqrt(point.chi):.3g} per layer going back"
    assert found["δ when deep"] == f"{rate}, a decade in {point.layers_per_decade:.1f} layers"
    assert re.fullmatch(r"loses 0\.\d\d decades from .* 30 back to layer 1", found["δ here"])
    trainable = f"6 ξ_c = {6 * point.xi_c:.1f} layers; this network has 30"
    meaning = "Deeper, the output hardly depends on how alike inputs were"
    assert found["Trainable"] == f"{trainable}. {meaning}"
    edge = edge_of_chaos(Moments(nn.Tanh()), 0.2)
    assert found["Edge of chaos"] == f"σ_w = {edge.sigma_w:.4g} at σ_b = 0.2; here σ_w = 1.2"
    lost = -math.log10(float(found.rows[0][4]))
    assert float(found["δ here"].split()[1]) == pytest.approx(lost, abs=0.01)


@pytest.mark.parametrize(
    ("phi", "sigma_w", "sigma_b", "words"),
    [
        (nn.Tanh(), 2.0, 0.1, {"Phase": "chaotic: gradients explode, χ₁ = 1.3", "Correlations":
         "c* = 0.0", "δ when deep": "gained in"}),
        (nn.Tanh(), 1.0, 0.0, {"Phase": "critical: gradients neither vanish nor explode, χ_l → 1",
         "Signals": "q runs to 0, ever more slowly", "Trainable": "unlimited"}),
        (nn.Tanh(), 0.9, 0.0, {"Phase": "χ_l → 0.81", "Signals": "q runs to 0: signals vanish"}),
        (nn.ReLU(), math.sqrt(2), 0.0, {"Phase": "critical", "Signals": "every q stays what it is",
         "Correlations": "c* = 1", "δ here": "keeps its size", "Edge of chaos": "σ_w = 1.414 at"}),
        (nn.ReLU(), math.sqrt(2), 0.3, {"Phase": "critical", "Signals": "q runs to infinity",
         "Edge of chaos": "none at σ_b = 0.3: with σ_w = 1.414 χ_l tends to 1, but q grows"}),
        (nn.ReLU(), 1.8, 0.0, {"Phase": "chaotic: gradients explode, χ_l → 1.62",
         "Trainable": "6 ξ_c = 12.4 layers", "δ here": "gains"}),
        (nn.Identity(), 1.0, 0.0, {"Signals": "every q stays what it is",
         "Correlations": "every correlation stays what it is"}),
        (nn.Sigmoid(), 1.0, 0.0, {"Edge of chaos": "σ_w = 10.15 at σ_b = 0, but saturated (q = 45",
         "Phase": "ordered"}),
        (nn.GELU(), 1.0, 0.1, {"Edge of chaos": "but repelling: signals are driven away from"}),
        (nn.Tanh(), 0.0, 0.0, {"δ when deep": "×0: nothing", "δ here": "vanishes altogether"}),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)  # fmt: skip
def test_each_phase_and_each_way_to_run_away_has_its_words(phi, sigma_w, sigma_b, words):
    found = printed(phi, Normal(sigma_w, sigma_b))
    for label, start in words.items():
        assert start in found[label]


@pytest.mark.parametrize("activation", options("activation"))
def test_every_activation_with_every_initialisation_is_spoken_of(activation):
    for init in options("init"):
        config = OmegaConf.create(
            {group: OmegaConf.load(CONF / group / f"{option}.yaml")
             for group, option in (("activation", activation), ("init", init))}
            | {"logger": {}, "callbacks": {}}
        )  # fmt: skip
        if (activation, init) == ("softplus", "critical"):  # which has no edge of chaos
            continue
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="On the edge|Signals are driven away")
            initializer = build_part(config, "init", Initializer)
        found = printed(build_part(config, "activation", nn.Module), initializer)
        assert "nan" not in found.out
        assert len(found.rows) == 4
        assert re.match(
            r"(ordered: .* vanish|critical: .* nor|chaotic: .* explode)", found["Phase"]
        )
        if init == "critical" and activation not in ("gelu", "silu"):  # repelling
            assert found["Phase"].startswith("critical")


def test_layers_between_hidden_layers_give_the_typical_variances():
    sizes = [4, 64, 16, 64, 16, 3]
    weight, bias = typical_variances(sizes, Xavier())
    assert (weight, bias) == (pytest.approx((1.6 * 0.4 * 1.6) ** (1 / 3)), 0)
    assert typical_variances(sizes, Torch()) == pytest.approx((1 / 3, (2 / 192 + 1 / 48) / 3))
    assert typical_variances([4, 10, 3], Torch()) == pytest.approx((1 / 3, 1 / 30))
    found = printed(nn.ReLU(), Xavier(), sizes)
    assert "on average (σ_w² 0.4 to 1.6, σ_b² 0)" in found["Variances"]
    assert "σ_w² = 0.1176, σ_b² = 0 in layer 1" in found["Variances"]


def test_layers_that_say_the_same_share_a_row():
    found = printed(nn.ReLU(), Normal(math.sqrt(2), 0.0), [4, *[8] * 9, 3])
    assert [row[0] for row in found.rows] == ["1", "2–9", "10"]
    assert found.rows[1][4:] == ["1", "1"]
    found = printed(nn.ReLU(), Normal(math.sqrt(2), 0.0), [4, *[8] * 3, 3])
    assert [row[0] for row in found.rows] == ["1", "2", "3", "4"]


def test_deep_tables_are_shortened():
    found = printed(nn.Tanh(), Xavier(), [4, *[8, 9] * 99, 8, 3])
    assert len(found.rows) == 61
    assert found.rows[30] == ["…", "140 more", "", "", "", ""]
    assert [found.rows[i][0] for i in (0, 29, 31, 60)] == ["1", "30", "171", "200"]


@pytest.mark.parametrize(
    ("phi", "sigma_w", "sigma_b", "depth", "said"),
    [
        (nn.Tanh(), 1.2, 0.2, 30, "Ordered phase, trainable to 95.0 layers: this network of 30 "
         "should train."),
        (nn.ReLU(), math.sqrt(2), 0.0, 40, "Critical phase, trainable at any depth: this network "
         "of 40 should train."),
        (nn.ReLU(), 1.2, 0.0, 40, "Ordered phase, trainable to 18.3 layers: this network of 40 is "
         "too deep, since δ loses 2.78 decades from hidden layer 40 back to layer 1."),
    ],
)  # fmt: skip
def test_one_sentence_comes_first(phi, sigma_w, sigma_b, depth, said):
    found = printed(phi, Normal(sigma_w, sigma_b), [4, *[8] * depth, 3])
    assert found.out.splitlines()[0] == said


class Square(nn.Module):
    def forward(self, z):
        return z**2


def test_samples_that_end_apart_are_told_apart():
    """q ← 3 σ_w² q²: away from 1/(3 σ_w²), to 0 or to infinity."""
    of = Theory([4, 8, 8, 8, 3], Square(), Normal(0.7, 0.0))
    repelling = 1 / (3 * 0.7**2)
    x = repelling / 0.7**2 * np.array([0.2, 0.5, 0.9, 1.1, 40.0])
    (most, to_0), (rest, away) = of.limits(x)
    assert (most, rest) == (0.6, 0.4)
    assert (to_0.q, to_0.chi, to_0.phase) == (0, 0, "ordered")
    assert (away.q, away.chi, away.phase) == (math.inf, math.inf, "chaotic")
    out = Console(file=io.StringIO(), width=200)
    print_theory(out, predict_network("it", of, x))
    found = Said(0, out.file.getvalue(), "")
    assert found.out.startswith("Samples end apart: 60% in the ordered phase, 40% in the chaotic")
    assert found["Two ends"].endswith("of 40%, q runs to infinity: signals grow without bound")
    (everything,) = of.limits(x[:3])
    assert everything[0] == 1


@pytest.mark.parametrize("depth", [0, 1])
def test_shallow_networks(said, depth):
    found = said(f"network.depth={depth}", "init=xavier")
    assert len(found.rows) == depth + 1
    if depth == 0:
        assert found["Phase"].startswith("none: without a hidden layer")
    else:
        assert "for a further hidden layer of this size" in found["Variances"]
        assert "δ here" not in found.out


def test_dropout_makes_equal_inputs_part():
    found = printed(nn.Tanh(), Normal(1.0, 0.2), dropout=0.2)
    point = fixed_point(Moments(nn.Tanh()), 1.0, 0.2, dropout=0.2)
    assert point.chi < 1
    assert 0 < point.c < 1
    assert f"c* = {point.c:.4g}: inputs part" in found["Correlations"]
    edge = edge_of_chaos(Moments(nn.Tanh()), 0.2).sigma_w * math.sqrt(0.8)
    assert f"σ_w = {edge:.4g} at" in found["Edge of chaos"]
    assert "multiplies χ and E h² by 1.25" in found["Dropout"]


def test_a_table_of_ones_own_and_nothing_is_left_behind(said, tmp_path):
    found = said("data=table", f"data.path='{TABLE}'", "data.target=species")
    assert (found.status, found.err) == (0, "")
    assert found.rows[0][1].endswith("→ 32")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--config-dir=own", "--config-dir own", "-cd own"])
def test_activations_of_ones_own_are_predicted(said, tmp_path, flag):
    (tmp_path / "own" / "activation").mkdir(parents=True)
    (tmp_path / "own" / "activation" / "cube.yaml").write_text("_target_: cubes.Cube\n")
    (tmp_path / "cubes.py").write_text(
        "import torch\nclass Cube(torch.nn.Module):\n    def forward(self, z):\n        "
        "return z - z**3 / 27\n"
    )
    found = said(*flag.split(), "activation=cube", "init=normal", "init.sigma_w=0.8")
    assert (found.status, found.err) == (0, "")
    assert "cube · normal" in found.out.splitlines()[1]
    assert found["Phase"] == "ordered: gradients vanish, χ_l → 0.64"
    found = said("activation._target_=cubes.Cube")
    assert "Cube · torch" in found.out.splitlines()[1]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere=1", "`nowhere`"),
        ("activation=tan", "Did you mean `activation=tanh`"),
        ("network.depth=-1", "Found -1"),
        ("network.depth=1,2", "takes one value for each setting. Found `network.depth=1,2`"),
        ("network.normalization=layer picture=x.png", "Found `network.normalization=layer`"),
        ("activation._target_=torch.nn.PReLU", "no parameters of its own"),
        ("-m", "Found: unrecognized arguments: -m"),
        ("--cfg=job", "Found: unrecognized arguments: --cfg=job"),
        ("--config-dir=nowhere", "must be a folder. Found nowhere"),
        ("init.sigma_w=2", "sigma_w"),
        ("loss=bce data=sine", "`loss=bce`"),
        ("picture=x.bmp", "Found x.bmp"),
        ("runs=[nowhere]", "`runs` are points of a picture"),
        ("picture=x.png runs=[nowhere]", "Found no summary.json in nowhere"),
        ("picture=x.png network.depth=0", "Found `network.depth=0`"),
        ("picture=[a]", "picture"),
        ("runs=5", "runs"),
    ],
)
def test_a_mistake_gives_one_message(said, argument, message):
    found = said(*argument.split())
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith("deltaflow: ")
    assert len(found.err.splitlines()) == 1
    assert message in found.err


def test_help_says_what_can_be_set(said):
    found = said("--help")
    assert all(f"{name}=" in found.out for name in theory.PredictionSettings.__dataclass_fields__)


def test_a_picture_with_the_runs_of_a_sweep(said, tmp_path):
    settings = [*TANH, "logger=none", "trainer.max_epochs=1", "diagnostics=off"]
    for name, extra in (("0", []), ("1", ["activation=relu"])):
        directory = tmp_path / "sweep" / name
        summary = run([*settings, *extra], directory).summary
        assert summary["theory"]["weight_variance"] == pytest.approx(1.44)
        assert summary["theory"]["decay_rate"] is None
    found = said(*TANH, "picture=new/phase.svg", "runs=[sweep]")
    assert (found.status, found.err) == (0, "")
    assert found["Picture"] == "new/phase.svg"
    assert found["Runs"].startswith("1 in the picture.")
    assert found["Runs"].endswith("in their records: 1.")
    assert "<svg" in (tmp_path / "new" / "phase.svg").read_text()


def test_a_summary_says_where_its_network_stands(tmp_path):
    settings = [*TANH, "network.dropout=0.1", "logger=none", "trainer.max_epochs=1"]
    fields = run(settings, tmp_path).summary["theory"]
    point = fixed_point(Moments(nn.Tanh()), 1.2, 0.2, dropout=0.1)
    assert fields["activation"] == "Tanh()"
    assert (fields["depth"], fields["dropout"], fields["phase"]) == (2, 0.1, point.phase)
    for name in ("q", "chi", "c", "trainable_depth"):
        assert fields[name] == pytest.approx(getattr(point, name), rel=1e-6)
    assert (fields["weight_variance"], fields["bias_variance"]) == pytest.approx((1.44, 0.04))


def test_what_runs_away_is_null_or_0_in_the_records(tmp_path):
    for sigma_w, q in ((1.8, None), (1.0, 0)):
        settings = ["init=normal", f"init.sigma_w={sigma_w}", "logger=none", "trainer.max_epochs=1"]
        fields = run(settings, tmp_path / f"{sigma_w}").summary["theory"]
        assert asdict(read_summary(tmp_path / f"{sigma_w}").theory) == fields
        assert (fields["q"], fields["c"]) == (q, None)


class Exponential(nn.Module):
    def forward(self, z):
        return z.exp()


def test_an_activation_that_grows_exponentially_runs_away_without_a_warning():
    found = printed(Exponential(), Normal(1.0, 0.0))
    assert found["Signals"] == "q runs to infinity: signals grow without bound"
    of = Theory([4, 8, 8, 3], Exponential(), Normal(1.0, 0.0))
    figure = draw_phase_diagram(predict_network("it", of, np.ones(3)), np.ones(3), [])
    assert any("chaotic" in text.get_text() for text in figure.axes[0].texts)
