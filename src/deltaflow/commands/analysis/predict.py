"""Predict new rows with the networks of a run.

    python scripts/predict.py outputs/RUN new.csv --out predictions.parquet

It takes a run directory and a CSV, TSV or Parquet file with the columns of the training data in
any order. A row of the predictions has the class and its probabilities, or the numbers, as the mean
over the networks of the run, and the spread over the networks. If the file has the target as well,
the scores of the ensemble and of single networks are printed. Settings:

    --out FILE       write the predictions into this .parquet or .csv file
    --export FORMAT  write the networks into the file of --out instead, for use without deltaflow:
                     onnx (including the preprocessing of a table), torchscript or state_dict
"""

from argparse import Namespace
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from rich.console import Console

from deltaflow.commands.analysis.parser import Parser
from deltaflow.config.messages import entry_point
from deltaflow.system.errors import UserError
from deltaflow.system.files import replace_file
from deltaflow.terminal.screen import console, say

_KINDS = (".parquet", ".csv")
_ENDS = {"onnx": ".onnx", "torchscript": ".pt", "state_dict": ".pt"}


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Predict and write; the exit status is 0 only if there was no error."""
    parser = Parser("A prediction takes a run directory, a table, --out and --export.")
    parser.add_argument("run", type=Path)
    parser.add_argument("table", nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--export", choices=tuple(_ENDS))
    settings = parser.parse_intermixed_args(arguments)
    _check(settings)
    from deltaflow.data import read_unseen  # torch is slow to import
    from deltaflow.experiment.prediction.scores import ensemble_scores
    from deltaflow.experiment.results.result import load_run
    from deltaflow.terminal.predictions import print_predictions, print_scores

    ensemble, out = load_run(settings.run).ensemble, console()
    if settings.export is not None:
        from deltaflow.experiment.prediction.export import export

        _write(out, settings.out, export(ensemble, settings.export))
        return
    rows = read_unseen(settings.table, ensemble.preprocessing)
    values = ensemble.values(rows.features)
    predictions = ensemble.summary(values)
    print_predictions(out, predictions, len(values), rows.extra)
    if rows.targets is not None:
        found = ensemble_scores(ensemble, values[:, rows.with_target], rows.targets)
        scores = {score.name: (score.ensemble, score.single) for score in found}
        print_scores(out, len(rows.targets), scores)
    if settings.out is not None:
        write = (
            predictions.write_csv if settings.out.suffix == ".csv" else predictions.write_parquet
        )
        content = BytesIO()
        write(content)
        _write(out, settings.out, content.getvalue())


def _write(out: Console, path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)
    say(out, "Written", str(path))


def _check(settings: Namespace) -> None:
    """Check the arguments before anything is computed.

    Raises:
        ValueError: if a file is missing or not allowed, or --out has an unknown suffix.
    """
    path = settings.out
    if settings.export is not None:
        if path is None or settings.table is not None:
            found = "no --out" if path is None else f"the table {settings.table}"
            raise UserError(
                f"`--export` writes the networks of a run into the file of `--out`. Found {found}. "
                f"Use `RUN --export {settings.export} --out network{_ENDS[settings.export]}`."
            )
    elif settings.table is None:
        raise UserError(
            "A prediction needs rows. Found no table behind the run. Use `RUN new.csv`, or "
            "`RUN --export onnx --out network.onnx`."
        )
    elif path is not None and path.suffix not in _KINDS:
        raise UserError(
            f"`--out` must end in {' or '.join(_KINDS)}. Found {path}. Use "
            "`--out predictions.parquet`."
        )
