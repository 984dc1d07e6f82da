"""A table of one's own on the command line: what it says first, and what it refuses."""

import json
import re
import shlex
import shutil

import pytest

from running import ROOT, TABLE, run

SHORT = ["trainer.max_epochs=1", "logger=none"]
GIVEN = ["data=table", "data.path=my.csv", "data.target=species"]


@pytest.fixture
def write(tmp_path):
    """Put a file where the command runs."""

    def put(content: str, name: str = "my.csv") -> None:
        (tmp_path / name).write_text(content, encoding="utf-8")

    shutil.copy(TABLE, tmp_path / "my.csv")
    return put


def test_what_the_readme_shows_is_what_is_said_before_the_result(deltaflow, write):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = r"```console\n\$ python train\.py (data=table.*?)\n(.*?)```"
    ((command, shown),) = re.findall(block, readme, re.DOTALL)
    outcome = deltaflow(*shlex.split(command), *SHORT)
    assert (outcome.status, outcome.err) == (0, "")
    said, _, _ = outcome.out.partition("Network ")
    assert [line.rstrip() for line in said.splitlines()[1:]] == shown.splitlines()[1:]
    assert said.startswith("Training     my.csv · 2 × 32 relu, init torch · ce · sgd 0.05 · ")
    assert shown.startswith("Training     my.csv · 2 × 32 relu, init torch · ce · sgd 0.05 · 100 ")


def test_in_a_terminal_it_stands_above_the_bar(shown, write):
    text = shown(*GIVEN, *SHORT)
    places = [text.index(part) for part in ("my.csv, 90 rows", "one-hot", "epoch 1/1", "Result")]
    assert places == sorted(places)


def test_a_regression_says_its_range_and_trains(deltaflow, write):
    typed = ["data.target=petal_length", "data.drop=[planet]", "loss=mse", *SHORT]
    outcome = deltaflow(*GIVEN[:2], *typed)
    assert (outcome.status, outcome.err) == (0, "")
    assert "petal_length: regression, from 1 to 6.9" in outcome.out
    assert "left out: data.drop" in outcome.out
    assert " r2 " in outcome.out


@pytest.mark.filterwarnings("default:An input should not say")
def test_what_may_be_a_mistake_is_warned_of_and_trained_on(deltaflow, write):
    header, *rows = TABLE.read_text().splitlines()
    write("\n".join([f"id,{header}", *(f"{k},{row}" for k, row in enumerate(rows))]))
    outcome = deltaflow(*GIVEN, *SHORT)
    assert outcome.status == 0
    assert outcome.err.startswith("deltaflow: warning: An input should not say where")
    assert "Found 0, 1 to 89 in column `id` of my.csv" in outcome.err
    assert "use `data.drop=[id]`" in outcome.err
    assert outcome.err.count("deltaflow: ") == 1


def test_a_sweep_shows_its_first_table_and_then_a_line_each(deltaflow, write):
    write(TABLE.read_text().replace("violet", "white"), "other.csv")
    outcome = deltaflow("-m", *GIVEN, "data.path=my.csv,other.csv", *SHORT)
    assert (outcome.status, outcome.err) == (0, "")
    shown, _, rest = outcome.out.partition("0_path=my.csv: ")
    assert shown.startswith("Sweep        2 runs: data.path (2) · ")
    assert "\nTable        my.csv, 90 rows" in shown
    assert "one-hot" in shown
    assert rest.splitlines()[1].startswith("1_path=other.csv: ")
    assert "rows" not in rest
    summaries = [json.loads(path.read_text()) for path in outcome.summaries]
    first, second = (summary["n_parameters"] for summary in summaries)
    assert first - second == 64  # two inputs fewer: of two colours, one is enough


@pytest.mark.parametrize("path", ["my.csv", "~/my.csv"])
def test_a_path_starts_where_the_command_runs_wherever_the_run_writes(
    path, deltaflow, write, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    typed = ["data=table", f"data.path='{path}'", "data.target=species", *SHORT]
    for chdir in ("false", "true"):
        outcome = deltaflow(*typed, f"hydra.job.chdir={chdir}")
        assert (outcome.status, outcome.err) == (0, "")
    here, there = (json.loads(file.read_text()) for file in outcome.summaries)
    assert here["identity"] == there["identity"]
    assert here["table"]["path"] == there["table"]["path"] == path
    write(TABLE.read_text() + "1,2,red,true,setosa,earth\n")
    deltaflow(*typed, "hydra.job.chdir=true")
    identities = {json.loads(file.read_text())["identity"] for file in outcome.summaries}
    assert len(outcome.summaries) == 3
    assert len(identities) == 2


def test_python_is_silent(tmp_path, capsys):
    run(["data=table", f"data.path={TABLE}", "data.target=species", *SHORT], tmp_path)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_loss_that_does_not_fit_is_refused_below_what_was_inferred(deltaflow, write):
    outcome = deltaflow(*GIVEN[:2], "data.target=sepal_length", *SHORT)
    assert outcome.status == 1
    assert "sepal_length: regression" in outcome.out
    assert "`loss=ce` needs classes" in outcome.err


ROWS = "".join(f"{k}.5,{'ab'[k % 2]},{'xyz'[k % 3]}\n" for k in range(30))
NAMED = "size,colour,kind\n" + ROWS

# the file; what is typed; and what the message must name: the rule, what was found, what to do
MISTAKES = {
    "no file": (NAMED, [], "a file and the column", "no `data.path`", "data.target=name"),
    "no target": (NAMED, ["data.path=my.csv"], "data.target", "null", "`size`, `colour`, `kind`"),
    "other file": (NAMED, ["data.path=mi.csv"], "exists", "no mi.csv", "Did you mean my.csv?"),
    "folder": (NAMED, ["data.path=."], "must be a file", "folder .", "Name a table"),
    "spreadsheet": (NAMED, ["data.path=train.xlsx"], "exists", "train.xlsx", "Check"),
    "number for a path": (NAMED, ["data.path=3"], "data.path", "Found 3", "a word or null"),
    "other column": (NAMED, ["data.target=kin"], "data.target", "`kin`", "mean `kind`?"),
    "target dropped": (NAMED, ["data.drop=[kind]"], "data.drop", "target `kind`", "Take it out"),
    "nothing left": (NAMED, ["data.drop=[size,colour]"], "to predict", "none in", "features"),
    "number for names": (NAMED, ["data.features=3"], "data.features", "Found 3", "list or null"),
    "other task": (NAMED, ["data.task=rank"], "data.task", "rank", "classification or regr"),
    "empty": ("", [], "header and rows", "nothing in my.csv", "Name a file"),
    "header alone": ("size,kind\n", [], "below its header", "none in my.csv", "Name a file"),
    "twice": ("a,a,kind\n1,2,x\n", [], "each once", "`a` more than once in my.csv", "Rename"),
    "ragged": (NAMED + "1,2,3,4\n", [], "as many fields", "4 in data row 31 of my.csv", "Correct"),
    "gap": (NAMED + "1,,x\n", [], "a value", "nothing in column `colour`, data row 31 of my.csv",
            "data.missing=median"),
    "word": (NAMED + "tall,a,x\n", [], "plain numbers",
             "`tall` in column `size`, data row 31 of my.csv", "leave such rows out"),
    "infinite": (NAMED + "inf,a,x\n", [], "finite", "inf in column `size`, data row 31 of my.csv",
                 "leave such rows out"),
    "date": ("day,n,kind\n" + "2024-05-06,2,x\n2024-05-07,1,y\n" * 9, [], "numbers, true and false",
             "`2024-05-06` in column `day`, data row 1 of my.csv", "data.dates=days"),
    "constant": ("size,kind\n" + "1,x\n2,x\n" * 9, [], "at least two values",
                 "`x` in each of the 18 rows of column `kind` of my.csv", "another `data.target`"),
    "rare": (NAMED + "1,a,rare\n", [], "each part of `data.split`",
             "`rare`, has 1, the first in column `kind`, data row 31 of my.csv",
             "data.split=[1,0,0]"),
    "names": ("id,n,kind\n" + "".join(f"n{k},{k % 5},{k % 2}\n" for k in range(30)), [],
              "must come back",
              "30 different values in 30 rows, like identifiers, in column `id` of my.csv",
              "data.drop=[id]"),
    "control characters": ("\x1b[31msize\x07,kind\n1,x\n,y\n2,x\n3,y\n", [], "a value",
                           r"`\x1b[31msize\x07`, data row 2", "Fill"),
}  # fmt: skip
WHOLE = {"no file", "no target"}  # typed as it stands; the others correct what is complete


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_message(mistake, deltaflow, write):
    content, typed, rule, found, advice = MISTAKES[mistake]
    write(content)
    complete = [] if mistake in WHOLE else ["data.path=my.csv", "data.target=kind"]
    outcome = deltaflow("data=table", *complete, *typed)

    assert outcome.status == 1
    assert len(outcome.out.splitlines()) <= 1  # what was to be trained
    message = outcome.err.strip()
    assert message.startswith("deltaflow: ")
    assert message.count("deltaflow: ") == 1
    assert message.isprintable()
    for part in (rule, found, advice):
        assert part in message


def test_the_summary_keeps_how_the_table_was_read(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run([*GIVEN, *SHORT], tmp_path / "run")
    kept = result.summary["table"]
    assert (kept["path"], kept["rows"], kept["targets"]) == ("my.csv", 90, ["species"])
    columns = {column.pop("name"): column for column in kept["columns"]}
    assert columns["colour"] == {"read_as": "category", "inputs": 3, "left_out": None}
    assert columns["planet"]["left_out"] == "always earth"
    assert run(SHORT, tmp_path / "iris").summary["table"] is None
