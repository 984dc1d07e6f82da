"""``python -m deltaflow.records``: the documentation of the records, from their schema."""

from collections.abc import Mapping

from deltaflow.records import LAYERS, METRICS, RUNS, SEARCH_FIELDS, SUMMARY_FIELDS


def documentation() -> str:
    """The page ``docs/records.md``."""
    return "\n".join(
        [
            "# What a run leaves behind",
            "",
            "Made by `python -m deltaflow.records` from the schema that is checked on every write.",
            "",
            "Units: *loss* is that of the objective; *z* a pre-activation, *h* an activation,",
            "*W* a weight, *b* a bias; a slash divides. In a table, null means «does not apply",
            "here», NaN «measured, and not a finite number»; JSON has null for both. Layer 1",
            "stands next to the input; δ is ∂(loss of one sample)/∂z.",
            "",
            "While a run is going its tables are chunks, `records/<table>-00000.parquet` and on.",
            "",
            "## layers.parquet, a row per (seed, step, layer)",
            "",
            LAYERS.markdown(),
            "",
            "## metrics.parquet, a row per (seed, epoch, split)",
            "",
            METRICS.markdown(),
            "",
            "## summary.json",
            "",
            *_fields(SUMMARY_FIELDS),
            "",
            "# What a report leaves behind",
            "",
            "## runs.parquet, a row per (run, seed)",
            "",
            "A sweep ends with it, and `scripts/report.py` writes it for any runs. Rows are in the",
            "order of runs and seeds. After `overrides` stands a column for each setting that",
            "varies, by its name on the command line: numbers (Float64), or texts if any value is",
            "one. A run that left no results, because it failed or was stopped, has one row,",
            "without a seed.",
            "",
            "`runs.csv` is the same for spreadsheets: a text in it that begins with =, +, - or @",
            "(in any form of Unicode, after spaces and control characters too), a tab or a line",
            "end, which a spreadsheet may take for a formula, has an apostrophe before it.",
            "",
            RUNS.markdown(),
            "",
            "# What a search leaves behind",
            "",
            "Besides, `study.db` of Optuna's in the directory of its sweep, and",
            "",
            "## search.json",
            "",
            *_fields(SEARCH_FIELDS),
        ]
    )


def _fields(meanings: Mapping[str, str]) -> list[str]:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in meanings.items()]
    return ["| field | meaning |", "|---|---|", *rows]


if __name__ == "__main__":
    print(documentation())  # noqa: T201
