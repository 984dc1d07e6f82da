import itertools
import subprocess
import sys

import numpy as np
import pytest

from deltaflow.nn.random_streams import Stream, generator, keep_mask, permutations, words

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
        "from deltaflow.nn.random_streams import Stream, permutations\n"
        "print(permutations([7], Stream.ORDER, 3, n=20).tolist())"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == str(permutations([7], Stream.ORDER, 3, n=20).tolist())


def test_the_definition_of_a_stream_is_pinned():
    sequence = np.random.SeedSequence(5, spawn_key=(0, 3))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(10).tolist()
    assert generator(5, Stream.INIT, 3).random(10).tolist() == expected
    values = {"INIT": 0, "ORDER": 1, "DROPOUT": 2, "ROWS": 3, "LABELS": 4}
    assert {stream.name: stream.value for stream in Stream} == values


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_indices_are_refused(seed, index):
    with pytest.raises(ValueError, match=f"at least 0. Found seed {seed}, index {index}"):
        generator(seed, Stream.INIT, index)


def word(seed, stream, index, n, k):
    """The k-th of a replica's n words, encrypted alone: NumPy counts up before it encrypts."""
    first, second = (*index, 0)[:2]
    key = [first, stream + 256 * second]
    counter = seed * -(-n // 4) + k // 4
    return np.random.Philox(key=np.array(key, dtype=np.uint64), counter=counter).random_raw(4)[
        k % 4
    ]


@pytest.mark.parametrize(("stream", "index"), [(Stream.ORDER, (3,)), (Stream.DROPOUT, (70, 2))])
@pytest.mark.parametrize("n", [1, 4, 6])
def test_words_are_philox_at_the_counter_of_their_seed(stream, index, n):
    seeds = [9, 2, 3, 2**62 - 1, 3]
    found = words(seeds, stream, *index, n=n)
    expected = [[word(seed, stream, index, n, k) for k in range(n)] for seed in seeds]
    assert found.tolist() == expected


def test_words_of_other_streams_indices_and_seeds_are_others():
    places = itertools.product(range(5), [Stream.ORDER, Stream.DROPOUT], range(3), range(3))
    drawn = [words([seed], stream, *index, n=8) for seed, stream, *index in places]
    assert len(np.unique(drawn)) == len(drawn) * 8


def test_a_seed_draws_the_same_beside_whatever_others():
    alone = permutations([5], Stream.ORDER, 1, n=37)[0].tolist()
    for seeds in ([4, 5], [5, 6], [1000, 5, 0], [5, 5]):
        among = permutations(seeds, Stream.ORDER, 1, n=37)
        assert among[seeds.index(5)].tolist() == alone


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65])
def test_a_permutation_has_every_number_once(n):
    found = permutations(range(50), Stream.ORDER, 0, n=n)
    assert (np.sort(found, axis=1) == np.arange(n)).all()


def test_every_order_of_four_is_as_likely():
    orders = permutations(range(24_000), Stream.ORDER, 0, n=4) @ [64, 16, 4, 1]
    _, counts = np.unique(orders, return_counts=True)
    assert len(counts) == 24
    chi_squared = np.square(counts - 1000).sum() / 1000
    assert chi_squared < 23 + 5 * np.sqrt(2 * 23)


def test_each_replica_drops_its_own_share():
    rates = np.array([0.0, 0.25, 0.9])
    found = keep_mask([3, 4, 5], Stream.DROPOUT, 0, 1, rate=rates, n=40_001)
    assert found.shape == (3, 40_001)
    deviations = np.sqrt(rates * (1 - rates) / 40_001)
    assert (np.abs(1 - rates - found.mean(1)) <= 5 * deviations).all()


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_indices_are_refused_of_many(seed, index):
    with pytest.raises(ValueError, match=f"at least 0. Found seed {seed}, index {index}"):
        words([4, seed], Stream.ORDER, index, n=3)
