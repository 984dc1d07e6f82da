"""The estimators: the engine's own networks, and what scikit-learn asks of an estimator."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from deltaflow import load_run, train
from deltaflow.sklearn import FlowClassifier, FlowRegressor

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK = {"max_epochs": 1, "random_state": 0, "overrides": ["diagnostics=off"]}
ALONE = ["data.split=[1,0,0]", "logger=none", "diagnostics=off"]


@pytest.mark.slow
@parametrize_with_checks(
    [
        FlowClassifier(max_epochs=8, overrides=["diagnostics=off"]),
        FlowRegressor(max_epochs=8, overrides=["diagnostics=off"]),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_takes_it_for_an_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    """Two networks on iris, with all that a run records."""
    return FlowClassifier(activation="tanh", max_epochs=3, n_seeds=2, random_state=5).fit(X, NAMES)


def test_its_networks_are_those_of_a_run(fitted, tmp_path):
    settings = ["activation=tanh", "trainer.max_epochs=3", "n_seeds=2", "seed=5", *ALONE]
    run = train(settings, tmp_path / "run")
    ours, theirs = (one.network.state_dict() for one in (fitted.run_, run))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    frame = pl.DataFrame(X, schema=[c.name for c in run.kept.preprocessing.columns])
    expected = run.predict(frame)
    assert fitted.predict(X).tolist() == expected["class"].to_list()
    found = expected.select(pl.selectors.starts_with("probability_")).to_numpy()
    np.testing.assert_allclose(fitted.predict_proba(X), found, rtol=1e-12)


def test_the_run_is_there_with_its_verdicts(fitted):
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert fitted.run_.record.status == "completed"
    assert fitted.run_.verdicts[0].words
    assert fitted.run_.layers["seed"].unique().to_list() == [5, 6]
    assert fitted.run_.title == "tanh · torch · arrays · ce · depth 2 · 2 seeds"
    assert fitted.run_.record.rows == {"train": 150, "validation": 0, "test": 0}


def test_a_file_is_left_only_where_one_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    silent = FlowClassifier(**QUICK).fit(X, Y)
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
    kept = clone(silent).set_params(directory="kept").fit(X, Y)
    assert np.array_equal(silent.predict_proba(X), kept.predict_proba(X))
    loaded = load_run("kept")
    rows = pl.DataFrame(X, schema=["x1", "x2", "x3", "x4"])
    assert loaded.predict(rows)["class"].to_list() == [str(k) for k in kept.predict(X)]
    with pytest.raises(ValueError, match="kept"):  # another run has it
        kept.fit(X, Y)


@pytest.mark.slow
def test_pipelines_and_searches_take_it():
    frame = pl.DataFrame(X, schema=["sl", "sw", "pl", "pw"])
    steps = make_pipeline(MinMaxScaler(), FlowClassifier(**(QUICK | {"max_epochs": 10})))
    grid = {"flowclassifier__lr": [1e-6, 0.1], "flowclassifier__overrides": [["diagnostics=off"]]}
    search = GridSearchCV(steps, grid, cv=2).fit(frame, NAMES)
    assert search.best_params_["flowclassifier__lr"] == 0.1
    assert search.score(frame, NAMES) > 0.8
    assert search.best_estimator_.feature_names_in_.tolist() == frame.columns


def test_names_of_columns_are_kept_and_asked_for():
    frame = pl.DataFrame(X, schema=["sl", "sw", "pl", "pw"])
    found = FlowClassifier(**QUICK).fit(frame, NAMES)
    assert (found.n_features_in_, found.feature_names_in_.tolist()) == (4, frame.columns)
    assert found.run_.predict(frame)["class"].to_list() == found.predict(frame).tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(frame.select(reversed(frame.columns)))


def test_classes_may_count_by_weights():
    given = [None, "balanced", [1, 2, 4], {"setosa": 1, "versicolor": 2, "virginica": 4}]
    rare = np.r_[0:50, 50:60, 100:150]
    weights = [
        FlowClassifier(class_weight=one, **QUICK)
        .fit(X[rare], NAMES[rare])
        .run_.record.class_weights
        for one in given
    ]
    assert weights[0] == {}
    assert weights[2] == weights[3]
    assert weights[3]["virginica"] == pytest.approx(4 * weights[3]["setosa"])
    assert weights[1]["versicolor"] == pytest.approx(5 * weights[1]["setosa"])
    with pytest.raises(ValueError, match=r"Found 'rose'\. Name some of \['setosa'"):
        FlowClassifier(class_weight={"rose": 2}, **QUICK).fit(X, NAMES)


@pytest.mark.parametrize("n_targets", [None, 1, 2])
def test_numbers_come_back_in_the_shape_they_had(n_targets):
    x, y = load_diabetes(return_X_y=True)
    targets = y if n_targets is None else np.column_stack([y, 1e3 - 5 * y])[:, :n_targets]
    found = FlowRegressor(n_seeds=2, **(QUICK | {"max_epochs": 4}))
    if n_targets == 1:
        with pytest.warns(UserWarning, match="column-vector y"):
            found.fit(x, targets)
    else:
        found.fit(x, targets)
    predicted = found.predict(x)
    assert predicted.shape == (targets[:, 0] if n_targets == 1 else targets).shape
    assert found.score(x, targets) > 0.3
    network, kept = found.run_.network, found.run_.kept.preprocessing
    inputs = (x - kept.center) / kept.scale
    each = [network.replica(r)(network.layers[0].weight.new_tensor(inputs)) for r in range(2)]
    mean = sum(one.detach().double().numpy() for one in each) / 2
    expected = mean * kept.target_scale + kept.target_center
    np.testing.assert_allclose(predicted.reshape(len(x), -1), expected, rtol=1e-5)


def test_few_rows_are_one_batch():
    found = FlowClassifier(**QUICK).fit(X[::30], Y[::30])
    assert found.run_.record.n_steps == 1


def test_what_a_parameter_may_not_be_is_said_as_on_the_command_line():
    with pytest.raises(ValueError, match=r"`network\.depth` must be at least 0\. Found -1"):
        FlowClassifier(depth=-1, **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match="rleu"):
        FlowClassifier(activation="rleu", **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match=r"list of a run's settings\. Found \['n_seeds=2'\]"):
        FlowClassifier(overrides="n_seeds=2").fit(X, Y)
    assert not hasattr(FlowClassifier(loss="mse"), "predict_proba")


def test_numbers_that_a_network_cannot_hold_are_refused_in_fit_and_predict():
    found = FlowRegressor(**QUICK).fit(X, X[:, 0])
    huge = np.where(np.arange(len(X))[:, None] == 3, 1e300, X)
    message = r"at most 3e\+38 in magnitude\. Found 1e\+300 in row 3, column 0 of the "
    with pytest.raises(ValueError, match=f"{message}features"):
        found.predict(huge)
    with pytest.raises(ValueError, match=f"{message}features"):
        FlowRegressor(**QUICK).fit(huge, X[:, 0])
    with pytest.raises(ValueError, match=f"{message}targets"):
        FlowRegressor(**QUICK).fit(X, huge[:, 0])


def test_a_random_state_may_draw_the_seed():
    states = [np.random.RandomState(1), np.random.RandomState(1), None]
    seeds = [
        FlowClassifier(**(QUICK | {"random_state": state})).fit(X, Y).run_.network.seeds
        for state in states
    ]
    assert seeds[0] == seeds[1] != seeds[2]


def test_the_package_alone_needs_neither_scikit_learn_nor_torch():
    code = "import sys, deltaflow; print({'sklearn', 'torch'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
