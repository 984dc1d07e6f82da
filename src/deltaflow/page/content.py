"""Builds the content of a page from a comparison: JSON for its scripts, with rounded numbers."""

from dataclasses import asdict
from typing import Any

from deltaflow.comparison.comparison import Comparison
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.comparison.series.bands import Curve, significant
from deltaflow.comparison.statistics.paired_tests import Difference
from deltaflow.page.terms import terms
from deltaflow.records import Interval


def content(comparison: Comparison) -> dict[str, Any]:
    """Build the content of a page.

    Returns:
        A JSON object; measured numbers are rounded to four digits.
    """
    metric = comparison.metric
    return {
        "title": comparison.title,
        "kind": "run" if comparison.is_of_one_run else "sweep",
        "heading": comparison.heading,
        "headline": list(comparison.headline),
        "sentence": comparison.sentence,
        "command": comparison.command,
        "versions": comparison.versions,
        "metric": {
            "name": metric.name,
            "moment": metric.moment,
            "higher_is_better": metric.higher_is_better,
            "limits": [significant(limit) for limit in metric.limits],
        },
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in comparison.axes],
        "baseline": comparison.baseline,
        "notes": list(comparison.notes),
        "effects": [
            {"axis": own.axis.name, "value": effect.value}
            | _interval(effect.interval)
            | {"n_cells": own.n_cells, "n_all": own.n_all}
            for own in comparison.effects
            for effect in own.effects
        ],
        "terms": terms(comparison),
        "numbers": [asdict(quantity) for quantity in comparison.quantities],
        "runs": [_run(one) for one in comparison.ranking],
    }


def _run(one: RankedConfiguration) -> dict[str, Any]:
    return {
        "id": one.number,
        "name": one.name,
        "label": one.label,
        "directory": one.directory,
        "axes": dict(one.axes),
        "status": one.status,
        "reason": one.reason,
        "n_seeds": one.n_seeds,
        "each": one.each,
        "n_diverged": one.n_diverged,
        "n_lost": one.n_lost,
        "n_zero": dict(one.n_zero),
        "numbers": {name: _interval(number) for name, number in one.numbers.items()},
        "against": one.difference and _difference(one.difference),
        "verdicts": [asdict(finding) for finding in one.findings],
        "command": one.command,
        "config": one.config,
        "profile": one.profile and asdict(one.profile),
        "heatmap": one.heatmap and asdict(one.heatmap),
        "curves": {split: _curve(curve) for split, curve in one.curves.items()},
        "confusion": one.confusion and asdict(one.confusion),
        "results": [
            {"title": row.title, "values": {n: _interval(v) for n, v in row.values.items()}}
            for row in one.results
        ],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    bands = {name: asdict(band) for name, band in curve.bands.items()}
    return {"epochs": curve.epochs} | bands


def _interval(number: Interval) -> dict[str, Any]:
    return {
        "mean": significant(number.mean),
        "low": significant(number.low),
        "high": significant(number.high),
        "n": number.n,
        "alike": number.alike,
    }


def _difference(one: Difference) -> dict[str, Any]:
    numbers = {"difference": one.mean, "low": one.low, "high": one.high, "p": one.p,
               "p_holm": one.p_holm}  # fmt: skip
    return {name: significant(value) for name, value in numbers.items()} | {"n": one.n}
