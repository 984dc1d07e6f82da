"""What a person sees: a bar and a table in a terminal, plain text elsewhere."""

import pytest

SHORT = ["logger=none", "trainer.max_epochs=30", "hydra.run.dir=here"]


def test_elsewhere_there_is_no_bar_and_the_table_is_plain(deltaflow):
    outcome = deltaflow(*SHORT, "n_seeds=3")
    assert outcome.status == 0
    assert outcome.err == ""
    assert "\x1b" not in outcome.out
    assert "epoch 1/30" not in outcome.out
    lines = outcome.out.splitlines()
    assert (
        lines[0]
        == "Training     iris · 2 × 32 relu, init torch · ce · sgd 0.05 · 30 epochs · 3 seeds"
    )
    rows = "90/30/30 rows to train, validate, test"
    assert lines[1] == f"Network      4 → 2 × 32 → 3, 1,315 parameters · {rows}"
    assert all(len(line) < 100 for line in lines[:2])
    assert lines[2].startswith("Gradient flow, step 0 → step 179")
    rows = [line for line in lines if "→ 32" in line or "→ 3 " in line]
    assert [row.split("|")[1].strip() for row in rows] == ["1", "2", "3"]
    assert any("mean and 95 % interval over 3 seeds" in line for line in lines)
    assert "Records      here" in lines


@pytest.mark.parametrize(
    ("activation", "shown", "hidden"),
    [("relu", ["inactive", "dead"], ["saturated"]), ("tanh", ["saturated"], ["inactive", "dead"])],
)
def test_the_table_has_the_columns_that_apply(activation, shown, hidden, deltaflow):
    heading = deltaflow(*SHORT, f"activation={activation}").out.splitlines()[4]
    for name in ("layer", "shape", "δ norm", "weight gradient", "update ratio", *shown):
        assert name in heading
    for name in hidden:
        assert name not in heading


def test_the_command_for_tensorboard_is_given(deltaflow):
    outcome = deltaflow("trainer.max_epochs=1", "hydra.run.dir=here")
    assert "tensorboard --logdir here" in outcome.out


def test_a_terminal_gets_a_bar_with_loss_and_accuracy(shown):
    text = shown(*SHORT)
    assert "epoch 1/30" in text
    assert "loss/train" in text
    assert "accuracy/validation" in text
    assert "Gradient flow" in text
