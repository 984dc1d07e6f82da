"""One message, no traceback, exit status not 0; what was there stays there."""

import json

import pytest

# what is typed, and what the message must name: the setting, what was found, what to do
MISTAKES = {
    "unknown option": (["activation=swish9"], "activation", "swish9", "--help"),
    "misspelt option": (["activation=leeky"], "activation", "leeky", "mean `activation=leaky`"),
    "empty option": (["activation="], "activation", "``", "--help"),
    "unknown group": (["aktivation=relu"], "aktivation", "that exists", "mean `activation`?"),
    "unknown key": (["network.dept=3"], "network.dept", "that exists", "mean `network.depth`?"),
    "key of another option": (["init.gain=2"], "init.gain", "setting that exists", "--cfg job"),
    "no key at all": (["relu"], "key=value", "relu", "quotes"),
    "wrong type": (["network.depth=deep"], "network.depth", "deep", "whole number"),
    "fraction for a count": (["n_seeds=1.5"], "n_seeds", "1.5", "whole number"),
    "null for a number": (["seed=null"], "seed", "null", "--cfg job"),
    "negative depth": (["network.depth=-1"], "network.depth", "-1", "network.depth=0"),
    "no width": (["network.width=0"], "network.width", "0", "network.width=32"),
    "empty layer": (["network.hidden_sizes=[8,0]"], "network.hidden_sizes", "0", "[64,32]"),
    "no seeds": (["n_seeds=0"], "n_seeds", "0", "n_seeds=1"),
    "negative seed": (["seed=-3"], "seed", "-3", "seed=0"),
    "no epochs": (["trainer.max_epochs=0"], "trainer.max_epochs", "0", "max_epochs=100"),
    "unknown precision": (["trainer.precision=8"], "trainer.precision", "8", "32-true"),
    "step size of 0": (["optimizer.lr=0"], "optimizer.lr", "0", "optimizer.lr=0.1"),
    "endless step size": (["optimizer.lr=inf"], "optimizer.lr", "inf", "optimizer.lr=0.1"),
    "word for a step size": (["optimizer.lr=fast"], "optimizer.lr", "fast", "optimizer.lr=0.1"),
    "batch beyond the data": (["data.batch_size=91"], "data.batch_size", "91", "null"),
    "word for a batch": (["data.batch_size=big"], "data.batch_size", "big", "null"),
    "word for a share": (["data.split=[most,0,0]"], "data.split", "most", "[0.6,0.2,0.2]"),
    "split by word": (["data.split_seed=x"], "data.split_seed", "x", "data.split_seed=0"),
    "maybe": (["data.standardize=maybe"], "data.standardize", "maybe", "true"),
    "two shares": (["data.split=[0.5,0.5]"], "data.split", "[0.5, 0.5]", "[0.6,0.2,0.2]"),
    "classes for numbers": (["data=sine"], "loss=ce", "numeric target", "loss=mse"),
    "logits for numbers": (["data=linear", "loss=bce"], "loss=bce", "numeric", "loss=mse"),
    "threshold of 1": (["loss=bce", "loss.threshold=1"], "loss.threshold", "1", "0.5"),
    "unknown target": (["loss=mse", "loss.target=rank"], "loss.target", "rank", "onehot"),
    "negative deviation": (["init=normal", "init.sigma_w=-1"], "init.sigma_w", "-1", "1.0"),
    "negative noise": (["data=moons", "data.noise=-1"], "data.noise", "-1", "data.noise=0.1"),
    "no samples": (["data=xor", "data.n_samples=0"], "data.n_samples", "0", "500"),
    "too few samples": (["data=moons", "data.n_samples=4"], "data.split", "4 rows", "[1,0,0]"),
    "never measured": (["diagnostics.every_n_steps=0"], "every_n_steps", "0", "diagnostics=off"),
    "unknown accelerator": (["trainer.accelerator=tpu"], "accelerator", "tpu", "auto"),
    "unknown class": (["activation._target_=torch.nn.Swish9"], "activation", "Swish9", "Correct"),
    "unknown argument": (["+activation.slope=1"], "activation", "slope", "Leave"),
    "doubtful output": (["network.output_activation=relu9"], "output_activation", "relu9", "null"),
    "one network to judge": (
        ["n_seeds=2", "+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping",
         "+callbacks.stop.monitor=loss/validation"],
        "Early stopping", "n_seeds=2", "n_seeds=1",
    ),
    "coupling optimizer": (
        ["n_seeds=2", "optimizer._target_=torch.optim.LBFGS", "~optimizer.momentum"],
        "entry by entry", "LBFGS", "n_seeds=1",
    ),
    "coupling scheduler": (
        ["n_seeds=2", "scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau",
         "~scheduler.factor", "~scheduler.total_iters"],
        "follow a schedule", "ReduceLROnPlateau", "n_seeds=1",
    ),
    "negative norm": (["trainer.gradient_clip_norm=-1"], "gradient_clip_norm", "-1", "null"),
    "no threads": (["trainer.threads=0"], "trainer.threads", "0", "trainer.threads=null"),
    "key that nothing reads": (["+foo=1"], "one that a run reads", "foo", "--cfg job"),
    "added key": (["+trainer.max_epoch=5"], "reads", "trainer.max_epoch", "trainer.max_epochs"),
    "no option": (["logger=null"], "config group", "null", "logger=none"),
    "one option too many": (["+loss=mse"], "without a plus", "+loss", "Use `loss=…`"),
    "no callback": (["+callbacks.x._target_=builtins.dict"], "callbacks.x", "dict", "_target_"),
    "unknown callback": (["+callbacks.x._target_=no.Such"], "callbacks.x", "no.Such", "Correct"),
    "random activation": (["activation._target_=torch.nn.RReLU"], "each time", "RReLU", "ReLU"),
    "activation of many": (
        ["activation._target_=torch.nn.Softmax", "+activation.dim=-1"],
        "one number", "Softmax", "torch.nn.ReLU",
    ),
    "no step size": (["optimizer.lr=null"], "optimizer.lr", "null", "optimizer.lr=0.1"),
    "word for a momentum": (["optimizer.momentum=some"], "optimizer.momentum", "some", "number"),
    "negative momentum": (["optimizer.momentum=-1"], "momentum", "-1", "Invalid"),
    "word for a slope": (["init=he", "init.negative_slope=x"], "init.negative_slope", "x", "numb"),
    "word for a threshold": (["loss=bce", "loss.threshold=x"], "loss.threshold", "x", "number"),
    "word for a count": (["data=moons", "data.n_samples=ten"], "data.n_samples", "ten", "whole"),
    "half a sample": (["data=moons", "data.n_samples=4.5"], "data.n_samples", "4.5", "whole"),
    "null noise": (["data=xor", "data.noise=null"], "data.noise", "null", "number"),
    "one class": (["data=blobs", "data.n_classes=1"], "data.n_classes", "1", "n_classes=2"),
    "no arms": (["data=spirals", "data.n_classes=0"], "data.n_classes", "0", "n_classes=2"),
    "no inputs": (
        ["data=linear", "loss=mse", "data.n_features=-1"], "n_features", "-1", "n_features=1",
    ),
    "huge seed of data": (["data=xor", "data.seed=4294967296"], "data.seed", "2³²", "data.seed=0"),
    "huge seed of a split": (["data.split_seed=4294967296"], "split_seed", "2³²", "split_seed=0"),
    "huge seed": (["seed=9223372036854775807"], "`seed`", "2⁶²", "seed=0"),
    "folder that cannot be": (["hydra.run.dir=/dev/null/run"], "file", "/dev/null", "space"),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "rule", "found", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_message(typed, rule, found, advice, deltaflow):
    outcome = deltaflow(*typed)

    assert outcome.status == 1
    assert outcome.out == ""
    message = outcome.err.strip()
    assert message.startswith("deltaflow: ")
    assert message.count("deltaflow: ") == 1
    assert "Traceback" not in message
    for part in (rule, found, advice):
        assert part in message


def test_a_failed_run_says_so_in_its_summary(deltaflow):
    outcome = deltaflow("network.depth=-1")
    (path,) = outcome.summaries
    summary = json.loads(path.read_text())
    assert summary["status"] == "failed"
    assert "`network.depth` must be at least 0" in summary["error"]


def test_a_graphics_card_that_is_not_there_is_missed(deltaflow, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    outcome = deltaflow("accelerator=gpu")
    assert outcome.status == 1
    assert "`accelerator=gpu` needs a graphics card" in outcome.err
    assert "Use `accelerator=cpu`" in outcome.err


def test_a_graphics_card_without_doubles_says_so(deltaflow, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    outcome = deltaflow("accelerator=auto", "trainer.precision=64-true")
    assert outcome.status == 1
    assert "needs float64. Found MPS" in outcome.err


def test_the_traceback_is_shown_to_those_who_ask(deltaflow):
    with pytest.raises(ValueError, match="at least 0"):
        deltaflow("network.depth=-1", full_error="1")


@pytest.mark.filterwarnings("default")
def test_a_doubled_softmax_is_warned_of(deltaflow):
    settings = ["network.output_activation=softmax", "trainer.max_epochs=1", "logger=none"]
    outcome = deltaflow(*settings)
    assert outcome.status == 0
    assert outcome.err.startswith("deltaflow: warning: `loss=ce` has its softmax inside")
    assert outcome.err.count("\n") == 1
