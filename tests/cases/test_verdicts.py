"""Networks that people have had trouble with, rebuilt: what is said of each, and does it help?"""

from itertools import groupby

import numpy as np
import pytest
from matplotlib.figure import Figure

from deltaflow.config.composition import compose_run
from deltaflow.data import Samples
from deltaflow.data.preparation import split_rows
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.result import Run
from deltaflow.experiment.run import run_together
from deltaflow.experiment.stacking import shape

pytestmark = pytest.mark.slow

DRAW = np.random.default_rng(0)
X = DRAW.uniform(-2, 2, 200)
AREA, ROOMS = DRAW.uniform(50, 250, 200), DRAW.integers(1, 8, 200)
NOISE = DRAW.standard_normal((3, 90)).round(4)
BILL = DRAW.uniform(5, 50, 150)
TABLES = {
    "cube": {"x": np.arange(1, 201), "y": 1000 * np.arange(1, 201.0) ** 3},
    "houses": {"area": AREA, "rooms": ROOMS, "price": 1500 * AREA + 2e4 * ROOMS},
    "parabola": {"x": 40 + 3 * X, "y": X**2 / 4},
    "rectifier": {"x": X, "y": np.maximum(X, 0)},
    "xor": {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "y": [0, 1, 1, 0]},
    "rows": {"": np.arange(90), "a": NOISE[0], "b": NOISE[1], "y": ["x"] * 45 + ["z"] * 45},
    "tips": {"bill": BILL, "size": DRAW.integers(1, 6, 150), "y": 0.15 * BILL},
}


def of_table(name: str, target: str = "y") -> str:
    return f"data=table data.path={name}.csv data.target={target} data.standardize=false"


SQUARES = "loss=mse optimizer=adam"
XOR = "data=xor loss=bce activation=sigmoid"
SCALED, NO_DECAY = ["data.standardize=true"], ["optimizer.weight_decay=0"]
NO_DROPOUT, WIDER = ["network.dropout=0"], ["network.hidden_sizes=[32]"]
NO_OUTPUT = ["network.output_activation=null"]
CASES = {  # overrides, the kind that is found first, and what to try
    "F02": (f"{of_table('cube')} {SQUARES} optimizer.lr=0.001", "unscaled", SCALED),
    "F03a": (f"{of_table('houses', 'price')} {SQUARES} optimizer.lr=0.001", "unscaled", SCALED),
    "F03b": (f"{of_table('parabola')} {SQUARES} optimizer.lr=1e-5", "unscaled", SCALED),
    "F03c": (f"{of_table('parabola')} {SQUARES} optimizer.lr=4e-4", "unscaled", SCALED),
    "F04a": (f"{of_table('rectifier')} loss=mse network.hidden_sizes=[1] n_seeds=8 "
             "trainer.max_epochs=40", "failed_seeds", WIDER),
    "F04b": (f"{of_table('xor')} data.split=[1,0,0] data.batch_size=null activation=sigmoid "
             "network.hidden_sizes=[2] loss=bce trainer.max_epochs=1000 n_seeds=8",
             "failed_seeds", WIDER),
    "F05a": ("data=iris +optimizer.weight_decay=1", "weight_decay", NO_DECAY),
    "F05b": ("data=iris +optimizer.weight_decay=1 optimizer.lr=0.009", "weight_decay", NO_DECAY),
    "F05c": ("data=iris optimizer=adamw optimizer.weight_decay=50", "weight_decay", NO_DECAY),
    "F06": (f"data=sine {SQUARES} network.output_activation=sigmoid", "unreachable", NO_OUTPUT),
    "F07": ("data=moons loss=mse network.output_activation=softmax trainer.max_epochs=20",
            "unreachable", NO_OUTPUT),
    "F08": ("data=iris trainer.gradient_clip_norm=1e-5", "clipping",
            ["trainer.gradient_clip_norm=null"]),
    "F09a": ("data=iris network.dropout=0.95", "dropout", NO_DROPOUT),
    "F09b": ("data=iris network.dropout=0.95 optimizer.lr=0.002", "dropout", NO_DROPOUT),
    "F09c": (f"data=sine {SQUARES} activation=tanh network.hidden_sizes=[2] network.dropout=0.5",
             "dropout", NO_DROPOUT),
    "F10a": (f"{XOR} network.hidden_sizes=[1]", "bottleneck", WIDER),
    "F10b": (f"{XOR} network.hidden_sizes=[2] optimizer.momentum=0", "bottleneck", WIDER),
    "F10c": (f"{XOR} network.hidden_sizes=[2] optimizer.momentum=0 debug=overfit", "bottleneck",
             WIDER),
}  # fmt: skip
LEARNS = {"F02", "F03a", "F03b", "F03c", "F04a", "F05a", "F05b", "F05c", "F06", "F07", "F08",
          "F09a", "F09b", "F10a", "F10b", "F10c"}  # fmt: skip
MOST_ADVICE = 3


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Verdicts of runs, as their summaries have them; those of one shape trained as one stack."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Run, "draw", lambda self: Figure(figsize=(1, 1)))
    for name, columns in TABLES.items():
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        (tmp_path / f"{name}.csv").write_text("".join(",".join(map(str, r)) + "\n" for r in rows))

    def verdicts(typed):
        plans = {}
        for name, overrides in typed.items():
            folder = tmp_path / f"{name}_{len(list(tmp_path.iterdir()))}"
            config, choices = compose_run([*overrides, "logger=none"], folder)
            plans[name] = RunPlan(config, folder, choices)
        alike = groupby(
            sorted(plans, key=lambda name: str(shape(plans[name].config))),
            lambda name: str(shape(plans[name].config)),
        )
        found = {}
        for _, names in alike:
            names = list(names)
            for name, run in zip(names, run_together([plans[n] for n in names]), strict=True):
                if isinstance(run, BaseException):
                    raise run
                found[name] = run.record.verdicts
        return found

    return verdicts


def changed(overrides: list[str], advice: list[str]) -> list[str]:
    """The overrides of a run with those of a verdict in their place."""
    named = {override.partition("=")[0] for override in advice}
    return [o for o in overrides if o.lstrip("+").partition("=")[0] not in named] + [
        ("+" if f"+{a.partition('=')[0]}=" in " ".join(overrides) else "") + a for a in advice
    ]


def test_the_setting_at_fault_is_named_and_its_advice_leads_to_a_network_that_learns(trained):
    typed = {case: overrides.split() for case, (overrides, *_) in CASES.items()}
    found = {case: verdicts[0] for case, verdicts in trained(typed).items()}
    assert {case: (v.kind, list(v.overrides)) for case, v in found.items()} == {
        case: (kind, advice) for case, (_, kind, advice) in CASES.items()
    }
    told = {case: [found[case].kind] for case in LEARNS}
    for _ in range(MOST_ADVICE):
        going = [c for c in LEARNS if told[c][-1] != "healthy" and found[c].overrides]
        typed |= {case: changed(typed[case], list(found[case].overrides)) for case in going}
        for case, verdicts in trained({case: typed[case] for case in going}).items():
            found[case] = verdicts[0]
            told[case].append(found[case].kind)
    assert {case for case in LEARNS if told[case][-1] == "healthy"} == LEARNS, told
    assert all(len(kinds) == len(set(kinds)) for kinds in told.values()), told


def test_the_default_step_size_suits_squared_errors(trained):
    kinds = trained({
        "F16a": ["data=sine", "loss=mse"],
        "F16b": ["data=diabetes", "loss=mse", "trainer.max_epochs=40"],
        "tips": ["data=table", "data.path=tips.csv", "data.target=y", "loss=mse"],
    })  # fmt: skip
    for verdicts in kinds.values():
        assert verdicts[0].kind == "healthy"


def test_an_outlier_of_the_test_rows_is_told_before_and_after(trained, tmp_path):
    a, b, _ = NOISE.tolist()
    rows = [f"{u},{v},{u - v}" for u, v in zip(a, b, strict=True)]
    samples = Samples.numbers(NOISE[:2].T, NOISE[0] - NOISE[1])
    row = int(split_rows(samples, (0.6, 0.2, 0.2), 0)[2][0])
    rows[row] = "1e9," + rows[row].partition(",")[2]
    (tmp_path / "outlier.csv").write_text("\n".join(["a,b,y", *rows]))
    typed = ["data=table", "data.path=outlier.csv", "data.target=y", "loss=mse"]
    with pytest.warns(UserWarning, match=rf"Found 1e\+09 in column `a`, data row {row + 1} of"):
        found = trained({"F18": typed})["F18"]
    assert found[0].kind == "unlike_test_rows"


def test_the_index_of_a_file_teaches_nothing(trained):
    found = trained({"F14": ["data=table", "data.path=rows.csv", "data.target=y"]})["F14"]
    assert found[0].kind in ("by_heart", "overfitting")
