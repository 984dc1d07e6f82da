import pytest

from deltaflow.experiment.building import assembly
from deltaflow.nn.objectives import CrossEntropy
from running import composed, run


def test_each_step_drops_the_units_that_its_number_decides(tmp_path):
    still = ["optimizer.lr=1e-30", "data.batch_size=null", "network.dropout=0.5", "logger=none"]
    result = run([*still, "trainer.max_epochs=4", "n_seeds=2"], tmp_path)
    data = assembly.datamodule(composed(still, tmp_path))
    ((x, target),) = data.train_dataloader()
    objective = CrossEntropy(data.task)
    for step in range(4):
        output = result.network.train()(x.expand(2, -1, -1), step)
        expected = objective.sample_loss(output, target.expand(2, -1)).mean(1).tolist()
        rows = result.metrics.filter(split="train", epoch=step)
        assert rows["loss"].to_list() == pytest.approx(expected, rel=1e-6)
