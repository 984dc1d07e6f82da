"""``python -m deltaflow.records``: the documentation of the records, from their schema."""

from deltaflow.records import LAYERS, METRICS, SUMMARY_FIELDS


def documentation() -> str:
    """The page ``docs/records.md``."""
    fields = [f"| `{name}` | {meaning} |" for name, meaning in SUMMARY_FIELDS.items()]
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
            "| field | meaning |",
            "|---|---|",
            *fields,
        ]
    )


if __name__ == "__main__":
    print(documentation())  # noqa: T201
