"""The command that predicts, and what it says of runs and tables that it cannot use."""

import polars as pl
import pytest
import torch
from made_tables import TABLE, mixed_table

from deltaflow import load_run
from deltaflow.commands.analysis import predict
from running import exit_status, run

QUICK = ["trainer.max_epochs=1", "diagnostics=off", "logger=none", "network.width=4"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicting")
    frame, *_ = mixed_table()
    frame.write_csv(folder / "table.csv")
    return run([*QUICK, *TABLE, "n_seeds=2", f"data.path={folder / 'table.csv'}"], folder / "run")


def typed(*arguments):
    return exit_status(predict.main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predictions_are_shown_and_written(kind, trained, tmp_path, capsys):
    new, out = tmp_path / "new.csv", tmp_path / "made" / f"predictions.{kind}"
    frame = mixed_table()[0]
    frame.with_columns(note=pl.lit("x")).write_csv(new)
    assert typed(trained.directory, new, "--out", out) == 0
    written = pl.read_csv(out) if kind == "csv" else pl.read_parquet(out)
    expected = trained.predict(frame)
    assert written.columns == expected.columns
    assert written["class"].equals(expected["class"])
    assert written["spread"].to_list() == pytest.approx(expected["spread"].to_list())
    said = capsys.readouterr().out
    assert "90, by 2 networks" in said
    assert "Not used     `note`" in said
    assert "calibration error" in said


def test_an_export_is_written(trained, tmp_path, capsys):
    out = tmp_path / "made" / "network.pt"
    assert typed(trained.directory, "--export", "state_dict", "--out", out) == 0
    assert len(torch.load(out, weights_only=True)["networks"]) == 2
    assert "network.pt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "takes a run directory, a table, --out and --export"),
        (["RUN"], "Found no table behind the run"),
        (["RUN", "--export", "onnx"], "Found no --out. Use `RUN --export onnx --out network.onnx`"),
        (["RUN", "TABLE", "--export", "state_dict", "--out", "x"], "Found the table"),
        (["RUN", "--export", "h5", "--out", "x"], "h5"),
        (["RUN", "TABLE", "--out", "x.txt"], "`--out` must end in .parquet or .csv. Found x.txt"),
        (["nowhere", "TABLE"], "Found that nowhere is not there"),
        (["RUN", "nowhere.csv"], "must be a file that exists"),
    ],
)
def test_what_cannot_be_is_one_message(arguments, said, trained, tmp_path, capsys):
    known = {"RUN": trained.directory, "TABLE": trained.directory.parent / "table.csv"}
    assert typed(*(known.get(argument, argument) for argument in arguments)) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("deltaflow:") == 1
    assert "Traceback" not in error


def test_an_activation_of_ones_own_is_handed_over(tmp_path, capsys):
    own = ["activation._target_=unusual.Ramp"]
    made = run([*QUICK, *own], tmp_path / "run")
    rows = {column.name: [1.0, 2.0] for column in made.kept.preprocessing.columns}
    pl.DataFrame(rows).write_csv(tmp_path / "new.csv")
    assert typed(tmp_path / "run", tmp_path / "new.csv") == 1
    said = capsys.readouterr().err
    assert "Found `unusual.Ramp`" in said
    assert "load_run(directory, activation=…)" in said
    assert made.predict(rows).equals(
        load_run(tmp_path / "run", activation=made.network.activations[0]).predict(rows)
    )


def test_a_folder_of_runs_is_told_apart_from_one_run(trained, tmp_path, capsys):
    assert typed(trained.directory.parent, tmp_path / "new.csv") == 1
    said = capsys.readouterr().err
    assert f"Found one run below {trained.directory.parent}. Name one, such as" in said
