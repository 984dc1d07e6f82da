"""Checkpoints from anybody: none makes more of itself than its file holds."""

import io
import zipfile

import pytest
import torch
from torch import nn

from deltaflow.experiment.checkpoints.networks import read_checkpoint
from deltaflow.nn.head import Head
from deltaflow.nn.initializers import He
from deltaflow.nn.network import FullyConnected


def network_of(directory):
    kept = read_checkpoint(directory)
    return kept and kept.network


def content(**changed):
    network = FullyConnected([4, 3, 2], nn.ReLU(), n_replicas=2)
    network.initialize(He(), seeds=[0, 1])
    architecture = {
        "sizes": [4, 3, 2], "seeds": [0, 1], "activation": {"_target_": "torch.nn.ReLU"},
        "output_activation": None, "dtype": "float32", "normalization": None, "dropout": 0.0,
    }  # fmt: skip
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    return {"architecture": architecture | changed, "state_dict": state}


def in_use(preprocessing=(), head=()):
    """What it takes to use that network, with some fields that are others."""
    return {
        "preprocessing": {
            "columns": [
                {"name": "size", "kind": "number", "n_inputs": 1, "left_out": ""},
                {"name": "hue", "kind": "category", "n_inputs": 3, "categories": ["a", "b", "c"]},
                {"name": "", "kind": None, "n_inputs": 0, "left_out": "no name"},
            ],
            "center": [5.0, 0.0, 0.0, 0.0], "scale": [2.0, 1.0, 1.0, 1.0],
            "target": "kind", "classes": ["x", "y"],
            "targets": [], "target_center": [], "target_scale": [],
        } | dict(preprocessing),
        "head": {"n_classes": 2, "link": "softmax", "threshold": None} | dict(head),
    }  # fmt: skip


def kept(tmp_path, written):
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    torch.save(written, tmp_path / "checkpoints" / "last.ckpt")
    return tmp_path


def forged(tmp_path, change, **named):
    """A checkpoint whose pickle is another."""
    path = kept(tmp_path, content()) / "checkpoints" / "last.ckpt"
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", **named) as archive:
        for name, part in parts.items():
            archive.writestr(name, change(part) if name.endswith("data.pkl") else part)
    return tmp_path


def refused(directory, match):
    with pytest.raises(ValueError, match=match) as caught:
        network_of(directory)
    assert "must be the checkpoint of a run" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_network_is_read(tmp_path):
    network = network_of(kept(tmp_path, content()))
    assert (network.sizes, network.seeds) == ((4, 3, 2), (0, 1))
    assert not network.training


def test_none_is_none(tmp_path):
    assert network_of(tmp_path) is None


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"sizes": [4, 10**6, 10**6, 2]}, "its network is larger than the file"),
        ({"sizes": [1] * 10_000}, "its network is larger than the file"),
        ({"seeds": list(range(500_000)), "sizes": [1, 1]}, "its network is larger|2 elements"),
        ({"sizes": [4, -3, 2]}, r"`architecture\.sizes\[1\]` must be a whole number"),
        ({"sizes": [4, 10**100, 2]}, r"`architecture\.sizes\[1\]`"),
        ({"sizes": "432"}, r"`architecture\.sizes` must be a list"),
        ({"sizes": []}, "at least an input and an output"),
        ({"sizes": [4, 0, 2]}, "each at least 1"),
        ({"seeds": [2**64, 1]}, r"`architecture\.seeds\[0\]`"),
        ({"dtype": "load"}, r"`architecture\.dtype` must be one of float32, float64"),
        ({"dtype": "\x1b[31m"}, r"Found `\\x1b\[31m`"),
        ({"dtype": "float64"}, "must be a tensor of torch.float64"),
        ({"normalization": "__class__"}, r"`architecture\.normalization` must be one of"),
        ({"output_activation": []}, r"`architecture\.output_activation` must be a text"),
        ({"dropout": 1.5}, r"`architecture\.dropout` must be at least 0 and below 1"),
        ({"dropout": float("nan")}, r"`architecture\.dropout` must be a finite number"),
        ({"activation": {"_target_": "torch.nn.ELU", "alpha": "x"}}, "must be the checkpoint"),
        ({"activation": {"_target_": "torch.nn.ELU", "beta": 1}}, "must be the checkpoint"),
        ({"activation": {"_target_": "torch.nn.RReLU"}}, "one number"),
    ],
)
def test_an_architecture_that_no_run_keeps_is_refused(changed, match, tmp_path):
    refused(kept(tmp_path, content(**changed)), match)


def test_what_it_takes_to_use_a_network_is_read(tmp_path):
    found = read_checkpoint(kept(tmp_path, content() | in_use()))
    assert found.head == Head(2, "softmax", None)
    assert found.preprocessing.columns[1].categories == ["a", "b", "c"]
    assert found.diverged == [False, False]
    older = read_checkpoint(kept(tmp_path, content()))
    assert (older.preprocessing, older.head) == (None, None)


COLUMN = {"name": "size", "kind": "number", "n_inputs": 1}


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"preprocessing": {"columns": [COLUMN]}}, r"`preprocessing\.columns` must be for 4"),
        ({"preprocessing": {"columns": [COLUMN | {"n_inputs": 4}]}}, "n_inputs` must be 1"),
        ({"preprocessing": {"columns": [COLUMN | {"kind": "os"}]}}, "kind` must be one of number"),
        ({"preprocessing": {"columns": [COLUMN | {"kind": "date"}]}}, "form` must be a form of"),
        ({"preprocessing": {"columns": [COLUMN | {"has_indicator": 1}]}}, "must be true or false"),
        (
            {"preprocessing": {"columns": [COLUMN | {"n_inputs": 2, "has_indicator": True}]}},
            "has_indicator` must be false",
        ),
        ({"preprocessing": {"fill": [0.0]}}, r"`preprocessing\.fill` must be for 4"),
        ({"preprocessing": {"fill": [float("inf")] * 4}}, "must be a finite number"),
        ({"preprocessing": {"columns": "size"}}, "columns` must be a list"),
        ({"preprocessing": {"center": [0.0]}}, r"`preprocessing\.center` must be for 4"),
        ({"preprocessing": {"scale": [0.0] * 4}}, "scale` must be above 0"),
        ({"preprocessing": {"scale": [float("nan")] * 4}}, "must be a finite number"),
        ({"preprocessing": {"classes": ["x"]}}, r"targets` must be for 1"),
        ({"preprocessing": {"targets": ["y"]}}, "target_center` must be for 1"),
        ({"preprocessing": {"target": 5}}, "target` must be a text"),
        ({"preprocessing": [1]}, "preprocessing"),
        ({"head": {"n_classes": 3}}, "n_classes` must be 2, the number of classes"),
        ({"head": {"link": "exec"}}, "link` must be one of softmax, sigmoid"),
        ({"head": {"threshold": "x"}}, "threshold` must be a finite number"),
    ],
)
def test_what_no_run_could_have_learnt_is_refused(changed, match, tmp_path):
    written = content() | in_use()
    for key, value in changed.items():
        written[key] = written[key] | value if isinstance(value, dict) else value
    refused(kept(tmp_path, written), match)


@pytest.mark.parametrize(
    "activation",
    [
        None,
        {"_target_": "os.system", "command": "true"},
        {"_target_": "torch.nn.ReLU", "inplace": [1]},
        {"_target_": "torch.nn.MultiheadAttention", "embed_dim": 10**6, "num_heads": 1},
        {"_target_": "torch.nn.PReLU", "num_parameters": 10**11},
        {"_target_": 5},
    ],
)
def test_an_activation_of_anybodys_gives_no_network(activation, tmp_path):
    assert network_of(kept(tmp_path, content(activation=activation))) is None


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, 3, 4, dtype=torch.int64),
        torch.zeros(2, 3, 4, dtype=torch.complex64),
        torch.zeros(2, 3, 5),
        5,
        [0.5],
    ],
    ids=["whole", "complex", "shape", "number", "list"],
)
def test_weights_that_are_none_are_refused(value, tmp_path):
    written = content()
    written["state_dict"]["network.linears.0.weight"] = value
    refused(kept(tmp_path, written), "linears.0.weight|cannot be read")


def test_names_of_weights_are_shown_literally(tmp_path):
    written = content()
    written["state_dict"]["network.\x1b[31m"] = torch.zeros(2)
    refused(kept(tmp_path, written), r"\\x1b\[31m")


@pytest.mark.parametrize("written", [[], {}, {"architecture": 5}, {"architecture": {}}, "text"])
def test_what_is_no_checkpoint_is_refused(written, tmp_path):
    refused(kept(tmp_path, written), "architecture")


def test_a_compressed_bomb_is_not_unpacked(tmp_path):
    directory = forged(tmp_path, lambda part: part, compression=zipfile.ZIP_DEFLATED)
    refused(directory, "its parts are compressed")


def test_parts_that_lie_over_each_other_are_refused(tmp_path):
    path = kept(tmp_path, content()) / "checkpoints" / "last.ckpt"
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    at = raw.rindex(largest.filename.encode()) - 46  # in the list at the end
    raw[at + 20 : at + 28] = (len(raw) + 1).to_bytes(4, "little") * 2
    path.write_bytes(raw)
    refused(tmp_path, "its parts are larger than the file")


def test_an_end_that_says_it_is_huge_is_not_read(tmp_path):
    path = kept(tmp_path, content()) / "checkpoints" / "last.ckpt"
    raw = bytearray(path.read_bytes())
    assert raw[-42:-38] == b"PK\x06\x07"  # PyTorch counts with 64 bits
    raw[-58:-50] = (2**40).to_bytes(8, "little")
    path.write_bytes(raw)
    refused(tmp_path, "its end is not that of a checkpoint")


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (
            b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
            "names __builtin__ bytearray",
        ),
        (b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "names os system"),
        (b"\x80\x02c\x1b[31m\nx\n.", "names"),
        (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "fills dictionaries as no run does"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "is none that PyTorch has written"),
        (b"(S'true'\nios\nsystem\n.", "is none that PyTorch has written"),
        (b"\x80\x02ccollections\nOrderedDict\nq\x000h\x00]\x85R.", "fills dictionaries"),
        (b"", "cannot be read"),
    ],
    ids=[
        "bytes",
        "command",
        "escape",
        "dictionary",
        "stack",
        "instance",
        "dictionary by memory",
        "empty",
    ],
)
def test_a_pickle_names_nothing_but_tensors(part, match, tmp_path):
    refused(forged(tmp_path, lambda _: part), match)


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path):
    buffer = io.BytesIO()
    torch.save(content(), buffer)
    (tmp_path / "checkpoints").mkdir()
    for at in range(0, len(buffer.getvalue()), 211):
        (tmp_path / "checkpoints" / "last.ckpt").write_bytes(buffer.getvalue()[:at])
        refused(tmp_path, "cannot be read")
