"""What the networks of a run predict of new rows.

    python scripts/predict.py outputs/RUN new.csv --out predictions.parquet

It takes the directory of a run and a CSV, TSV or Parquet file with the columns that the run was
trained on, in any order. A row of the predictions holds the class and its probabilities, or the
numbers, as the mean over the networks of the run, and how far these differ. If the file has the
target as well, it says how good they are, together and alone. Settings:

    --out FILE       write the predictions into this .parquet or .csv file
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from rich.text import Text

from deltaflow.commands.parser import Parser
from deltaflow.config.messages import entry_point
from deltaflow.system.errors import UserError

_KINDS = (".parquet", ".csv")


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Predict; the exit status is 0 only if everything was written."""
    parser = Parser("A prediction takes a run directory, a table and --out.")
    parser.add_argument("run", type=Path)
    parser.add_argument("table")
    parser.add_argument("--out", type=Path)
    settings = parser.parse_intermixed_args(arguments)
    _check(settings.out)
    from deltaflow.data import read_unseen  # torch takes its time
    from deltaflow.experiment.assessment import assess
    from deltaflow.experiment.result import load_run
    from deltaflow.terminal.predictions import print_predictions, print_scores
    from deltaflow.terminal.screen import console

    ensemble = load_run(settings.run).ensemble
    rows = read_unseen(settings.table, ensemble.preprocessing)
    values = ensemble.values(rows.features)
    predictions, out = ensemble.summary(values), console()
    print_predictions(out, predictions, len(values), rows.extra)
    if rows.targets is not None:
        found = assess(ensemble, values, rows.targets)
        scores = {score.name: (score.together, score.alone) for score in found.scores}
        print_scores(out, found.n_rows, scores)
    if settings.out is not None:
        from deltaflow.system.files import replace_file

        settings.out.parent.mkdir(parents=True, exist_ok=True)
        write = (
            predictions.write_csv if settings.out.suffix == ".csv" else predictions.write_parquet
        )
        content = BytesIO()
        write(content)
        replace_file(settings.out, content.getvalue())
        out.print(Text(f"{'Written':<13}{settings.out}"), soft_wrap=True)


def _check(path: Path | None) -> None:
    """Refuse a file before anything is computed.

    Raises:
        ValueError: if it is of no kind that can be written.
    """
    if path is not None and path.suffix not in _KINDS:
        raise UserError(
            f"`--out` must end in {' or '.join(_KINDS)}. Found {path}. Use "
            "`--out predictions.parquet`."
        )
