import itertools
import subprocess
import sys

import numpy as np
import pytest

from deltaflow.nn.random_streams import Stream, generator

TRIPLES = list(itertools.product([0, 1, 2**40], list(Stream), [0, 1, 7]))


def draw(seed, stream, index):
    return tuple(generator(seed, stream, index).integers(0, 2**63, 4).tolist())


@pytest.mark.parametrize(("seed", "stream", "index"), TRIPLES)
def test_the_same_triple_gives_the_same_numbers(seed, stream, index):
    first = draw(seed, stream, index)
    np.random.default_rng(seed).random(100)  # what is drawn elsewhere changes nothing
    assert draw(seed, stream, index) == first


def test_different_triples_give_different_numbers():
    assert len({draw(*triple) for triple in TRIPLES}) == len(TRIPLES)


def test_numbers_of_neighbouring_seeds_are_uncorrelated():
    n = 4000
    table = np.stack([generator(seed, Stream.INIT, 1).standard_normal(n) for seed in range(6)])
    correlations = np.corrcoef(table)[np.triu_indices(6, k=1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(n)


def test_another_process_draws_the_same_numbers():
    program = (
        "from deltaflow.nn.random_streams import Stream, generator\n"
        "print(generator(7, Stream.ORDER, 3).permutation(20).tolist())"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == str(generator(7, Stream.ORDER, 3).permutation(20).tolist())


def test_the_definition_of_a_stream_is_pinned():
    sequence = np.random.SeedSequence(5, spawn_key=(1, 3))
    expected = np.random.Generator(np.random.PCG64(sequence)).permutation(10).tolist()
    assert generator(5, Stream.ORDER, 3).permutation(10).tolist() == expected
    values = {"INIT": 0, "ORDER": 1, "DROPOUT": 2, "ROWS": 3, "LABELS": 4}
    assert {stream.name: stream.value for stream in Stream} == values


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_indices_are_refused(seed, index):
    with pytest.raises(ValueError, match=f"at least 0. Found seed {seed}, index {index}"):
        generator(seed, Stream.INIT, index)
