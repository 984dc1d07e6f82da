"""What the debug group promises, and what a machine of one's own adds."""

import pytest

from deltaflow import load_run
from running import run


def test_one_batch_of_each_part_is_enough_to_see_whether_all_fits(tmp_path):
    result = run(["debug=fast_dev_run", "data.batch_size=7"], tmp_path)
    assert result.summary["status"] == "completed"
    assert result.summary["n_steps"] == 1
    assert set(result.metrics["split"]) == {"train", "validation", "test"}
    assert not (tmp_path / "tensorboard").exists()
    assert result.layers["effective_rank"].drop_nulls().len() == 2
    seen = result.metrics.filter(split="train")["accuracy"].item()
    assert seen * 7 == pytest.approx(round(seen * 7))


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [[], ["data=digits"], ["data=diabetes", "loss=mse"]], ids=str)
def test_a_few_rows_are_learnt_by_heart(overrides, tmp_path):
    result = run(["debug=overfit", "n_seeds=3", "logger=none", *overrides], tmp_path)
    first, *_, last = (
        result.metrics.filter(epoch=epoch)["loss"].max() for epoch in (0, *range(1, 300))
    )
    assert last < 0.05 * first
    assert set(result.metrics["split"]) == {"train"}


@pytest.mark.parametrize("kind", ["simple", "advanced"])
def test_a_profile_stands_in_the_run_directory(kind, deltaflow):
    settings = ["debug=profile", f"trainer.profiler={kind}", "trainer.max_epochs=2", "logger=none"]
    outcome = deltaflow(*settings, "hydra.run.dir=here")
    assert outcome.status == 0
    profile = outcome.directory / "here" / "fit-profile.txt"
    assert "training_step" in profile.read_text()
    assert "Profile      here/fit-profile.txt" in outcome.out


def test_settings_of_ones_own_machine_are_taken_up_and_can_be_overruled(deltaflow, tmp_path):
    local = tmp_path / "my_conf" / "local" / "default.yaml"
    local.parent.mkdir(parents=True)
    local.write_text(
        "# @package _global_\ndefaults:\n  - override /logger: none\n"
        "trainer: {max_epochs: 2}\nn_seeds: 3\n"
    )
    outcome = deltaflow("--config-dir", "my_conf", "hydra.run.dir=here", "n_seeds=2")
    assert outcome.status == 0, outcome.err
    found = load_run(tmp_path / "here")
    assert found.metrics["epoch"].max() == 1
    assert found.metrics["seed"].n_unique() == 2
    assert not (tmp_path / "here" / "tensorboard").exists()
