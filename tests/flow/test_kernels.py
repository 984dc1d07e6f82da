import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deltaflow.flow import kernels

fixed = settings(derandomize=True, deadline=None, max_examples=40)
seeds = st.integers(0, 1000)
sizes = st.integers(1, 6)
factors = st.sampled_from([0.5, 2.0, -3.0, 1e-3, 1e5])


def numbers(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


KERNELS = {  # each reduces [R, B, N] to [R]
    "rms": kernels.rms,
    "frobenius": kernels.frobenius,
    "delta_norm": lambda x: kernels.rms(kernels.sample_norms(x)),
    "mean": lambda x: kernels.moments(x)[0],
    "std": lambda x: kernels.moments(x)[1],
    "second_moment": lambda x: kernels.moments(x)[2],
    "sample_gradient": lambda x: kernels.sample_gradient_second_moment(
        kernels.sample_norms(x), kernels.sample_norms(x)
    ),
    "noise_trace": lambda x: kernels.gradient_noise(
        x.square().sum((1, 2)), kernels.frobenius(x), 4
    )[0],
    "noise_signal": lambda x: kernels.gradient_noise(
        x.square().sum((1, 2)), kernels.frobenius(x), 4
    )[1],
    "update_ratio": lambda x: kernels.update_ratio(x, kernels.rms(x + 1)),
    "saturated": lambda x: kernels.saturated_fraction(x, x, 1.0, (0.0, 0.0)),
    "saturated_anywhere": lambda x: kernels.saturated_fraction(x, x, 1.0, None),
    "inactive": lambda x: kernels.inactive_fraction(x.relu()),
    "dead": lambda x: kernels.dead_fraction(x.relu()),
}
of_each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


@of_each_kernel
def test_a_replica_gets_the_number_that_it_gets_alone(kernel):
    x = numbers(4, 5, 3)
    found = kernel(x)
    assert found.shape == (4,)
    alone = torch.cat([kernel(x[r : r + 1]) for r in range(4)])
    torch.testing.assert_close(found, alone, rtol=1e-13, atol=1e-15)


@of_each_kernel
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_a_broken_replica_leaves_the_numbers_of_the_others_bit_identical(kernel, poison):
    x = numbers(4, 5, 3)
    healthy = kernel(x)
    x[1, 2, 0] = poison
    assert torch.equal(kernel(x)[[0, 2, 3]], healthy[[0, 2, 3]])


@of_each_kernel
def test_nan_gives_nan_in_its_own_replica(kernel):
    x = numbers(3, 5, 3)
    x[1] = torch.nan
    assert kernel(x).isnan().tolist() == [False, True, False]


@given(seed=seeds, n=sizes, b=sizes, factor=factors)
@fixed
def test_norms_scale_with_their_argument(seed, n, b, factor):
    x = numbers(2, b, n, seed=seed)
    for kernel in (kernels.rms, kernels.frobenius):
        torch.testing.assert_close(kernel(factor * x), abs(factor) * kernel(x))


@given(seed=seeds, n=sizes, b=sizes)
@fixed
def test_the_norm_of_delta_is_the_rms_length_of_a_sample(seed, n, b):
    delta = numbers(2, b, n, seed=seed)
    for r in range(2):
        lengths = [math.hypot(*row) for row in delta[r].tolist()]
        expected = math.sqrt(sum(length**2 for length in lengths) / b)
        assert kernels.rms(kernels.sample_norms(delta))[r].item() == pytest.approx(expected)


@given(seed=seeds, n=sizes, b=sizes)
@fixed
def test_copies_of_units_leave_the_rms_alone_and_lengthen_the_norm(seed, n, b):
    delta = numbers(2, b, n, seed=seed)
    twice = torch.cat([delta, delta], dim=-1)
    torch.testing.assert_close(kernels.rms(twice), kernels.rms(delta))
    lengths, longer = (kernels.rms(kernels.sample_norms(x)) for x in (delta, twice))
    torch.testing.assert_close(longer, math.sqrt(2) * lengths)


@given(seed=seeds, n=sizes, m=sizes, b=sizes)
@fixed
def test_the_second_moment_is_that_of_the_outer_products(seed, n, m, b):
    delta, h = numbers(2, b, n, seed=seed), numbers(2, b, m, seed=seed + 1)
    norms = [kernels.sample_norms(x) for x in (delta, h)]
    found = kernels.sample_gradient_second_moment(*norms)
    rms = kernels.sample_grad_rms(found, m * n)
    for r in range(2):
        outer = np.stack([np.outer(delta[r, s], h[r, s]) for s in range(b)])
        assert found[r].item() == pytest.approx((outer**2).sum((1, 2)).mean())
        assert rms[r].item() == pytest.approx(np.sqrt((outer**2).mean()))


@given(seed=seeds, b=st.integers(2, 7), n=sizes)
@fixed
def test_the_noise_trace_is_that_of_the_sample_covariance(seed, b, n):
    gradients = numbers(1, b, n, 2, seed=seed)
    second_moment = gradients.square().sum((2, 3)).mean(1)
    trace, _ = kernels.gradient_noise(second_moment, kernels.frobenius(gradients.mean(1)), b)
    covariance = np.cov(gradients[0].reshape(b, -1).T, ddof=1)
    assert trace.item() == pytest.approx(np.trace(covariance), rel=1e-9)


def test_signal_and_noise_are_unbiased_over_all_batches():
    population = numbers(7, 3, 2)
    size, mean = 3, population.mean(0)
    batches = torch.cartesian_prod(*[torch.arange(7)] * size)  # drawn with replacement
    drawn = population[batches]
    second_moment = drawn.square().sum((2, 3)).mean(1)
    trace, signal = kernels.gradient_noise(second_moment, kernels.frobenius(drawn.mean(1)), size)
    assert signal.mean().item() == pytest.approx(mean.square().sum().item(), rel=1e-12)
    variance = (population - mean).square().sum((1, 2)).mean()
    assert trace.mean().item() == pytest.approx(variance.item(), rel=1e-12)
    assert (signal < 0).any()  # a fair estimate of something small is sometimes negative


def test_equal_gradients_have_no_noise():
    gradient = numbers(2, 3, 4)
    second_moment = gradient.square().sum((1, 2))
    trace, signal = kernels.gradient_noise(second_moment, kernels.frobenius(gradient), 5)
    torch.testing.assert_close(trace, torch.zeros_like(trace), rtol=0, atol=1e-13)
    torch.testing.assert_close(signal, second_moment)


@pytest.mark.parametrize("n_samples", [0, 1])
def test_one_sample_has_no_noise_to_measure(n_samples):
    with pytest.raises(ValueError, match=f"at least 2 samples. Found {n_samples}"):
        kernels.gradient_noise(torch.ones(1), torch.ones(1), n_samples)


def test_the_update_ratio_is_the_share_of_the_weights_that_a_step_moves():
    before, after = numbers(2, 3, 4), numbers(2, 3, 4, seed=1)
    found = kernels.update_ratio(after - before, kernels.rms(before))
    for r in range(2):
        expected = np.linalg.norm(after[r] - before[r]) / np.linalg.norm(before[r])
        assert found[r].item() == pytest.approx(expected)
    assert not kernels.update_ratio(torch.ones(1, 2, 2), torch.zeros(1)).isfinite().any()


@given(seed=seeds, b=sizes, n=sizes)
@fixed
def test_moments_are_those_of_numpy(seed, b, n):
    x = numbers(2, b, n, seed=seed)
    mean, std, second_moment = kernels.moments(x)
    for r in range(2):
        entries = x[r].numpy()
        assert mean[r].item() == pytest.approx(entries.mean(), abs=1e-14)
        assert std[r].item() == pytest.approx(entries.std(ddof=0), abs=1e-14)
        assert second_moment[r].item() == pytest.approx((entries**2).mean())


@given(seed=seeds, b=sizes, n=sizes)
@fixed
def test_shares_count_entries_and_units(seed, b, n):
    slope = numbers(2, b, n, seed=seed)
    slope[slope.abs() < 0.7] = 0
    steepest = 20.0  # so that |slope| < 1 saturates
    z = numbers(2, b, n, seed=seed + 1)
    saturated = kernels.saturated_fraction(slope, z, steepest, (-0.5, 1.5))
    inactive = kernels.inactive_fraction(slope)
    dead = kernels.dead_fraction(slope)
    for r in range(2):
        rows = slope[r].tolist()
        places = z[r].flatten().tolist()
        entries = [s for row in rows for s in row]
        units = list(zip(*rows, strict=True))
        lost = [abs(s) < 1 and not -0.5 <= at <= 1.5 for s, at in zip(entries, places, strict=True)]
        assert saturated[r].item() == pytest.approx(sum(lost) / (b * n))
        assert inactive[r].item() == pytest.approx(sum(s == 0 for s in entries) / (b * n))
        assert dead[r].item() == pytest.approx(sum(not any(unit) for unit in units) / n)


def test_a_slope_on_the_limit_is_not_saturated():
    slope = torch.tensor([[[0.05, -0.05, 0.049999, -0.049999]]], dtype=torch.float64)
    z = torch.full_like(slope, 3.0)
    assert kernels.saturated_fraction(slope, z, 1.0, (-2.0, 2.0)).item() == 0.5
    assert kernels.saturated_fraction(slope, z, 1.0, (-2.0, 3.0)).item() == 0


@given(seed=seeds, n=sizes, units=sizes)
@fixed
def test_the_effective_rank_is_the_entropy_of_the_singular_values(seed, n, units):
    h = numbers(3, n, units, seed=seed)
    for r in range(3):
        values = np.linalg.svd(h[r].numpy(), compute_uv=False)
        shares = [value / values.sum() for value in values]
        expected = math.exp(-sum(share * math.log(share) for share in shares if share > 0))
        assert kernels.effective_rank(h)[r].item() == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_directions_are_counted(k):
    h = torch.zeros(2, 6, 5)
    h[:, range(k), range(k)] = 3.0
    assert kernels.effective_rank(h).tolist() == pytest.approx([k, k])


def test_what_is_0_everywhere_has_no_direction_and_what_is_not_finite_no_rank():
    h = numbers(4, 6, 5)
    whole = kernels.effective_rank(h)
    h[1] = 0
    h[2, 3, 1] = torch.nan
    h[3, 0, 0] = torch.inf
    found = kernels.effective_rank(h)
    assert found[:2].tolist() == [whole[0].item(), 0]
    assert found[2:].isnan().all()
