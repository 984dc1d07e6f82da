"""What a notebook shows is never markup of somebody else's."""

from deltaflow.experiment.results.notebook import run_html
from deltaflow.records import summary_of


def test_foreign_words_are_no_markup():
    interval = {"mean": 0.9, "low": 0.8, "high": 1.0, "n": 3}
    record = summary_of({"status": "failed", "error": "<script>alert(1)</script>",
                         "metrics": {"test": {"<b>accuracy": interval}}})  # fmt: skip
    shown = run_html("<img src=x onerror=alert(1)>", record, None)
    for markup in ("<script", "<img", "<b>accuracy"):
        assert markup not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<td>0.90 ± 0.10</td>" in shown
