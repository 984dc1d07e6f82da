"""``python -m deltaflow.records`` prints the documentation of the records from their schema."""

from typing import get_type_hints

from deltaflow.records import LAYERS, METRICS, RUNS, SearchRecord, Summary


def documentation() -> str:
    """The text of ``docs/records.md``."""
    return "\n".join(
        [
            "# What a run leaves behind",
            "",
            "Made by `python -m deltaflow.records` from the schema that is checked on every write.",
            "",
            "Units: *loss* is the unit of the objective, *z* of a pre-activation, *h* of an",
            "activation, *W* of a weight, *b* of a bias; a slash divides. In a table, null means",
            "«does not apply» and NaN «measured, but not a finite number»; JSON has null for both.",
            "Layer 1 is next to the input; δ is ∂(loss of one sample)/∂z.",
            "",
            "During a run its tables are chunks, `records/<table>-00000.parquet` and so on.",
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
            *_fields(Summary),
            "",
            "# What a report leaves behind",
            "",
            "## runs.parquet, a row per (run, seed)",
            "",
            "A sweep writes it at its end, and `scripts/report.py` writes it for any runs. Rows",
            "are sorted by run and seed. After `overrides` there is a column for each setting that",
            "varies, named as on the command line: numbers (Float64), or texts if any value is a",
            "text. A run without results, because it failed or was stopped, has one row, whose",
            "seed is null.",
            "",
            "`runs.csv` has the same content for spreadsheets. In it, an apostrophe is put before",
            "each text that a spreadsheet may take for a formula: one that begins with =, +, - or",
            "@ (in any form of Unicode, also after spaces and control characters), a tab or a line",
            "end.",
            "",
            RUNS.markdown(),
            "",
            "# What a search leaves behind",
            "",
            "A search leaves Optuna's `study.db` in the directory of its sweep, and",
            "",
            "## search.json",
            "",
            *_fields(SearchRecord),
        ]
    )


def _fields(kind: type) -> list[str]:
    """The fields of a record with their meanings, as a Markdown table."""
    hints = get_type_hints(kind, include_extras=True)
    rows = [f"| `{name}` | {hint.__metadata__[-1]} |" for name, hint in hints.items()]
    return ["| field | meaning |", "|---|---|", *rows]


if __name__ == "__main__":
    print(documentation())  # noqa: T201
