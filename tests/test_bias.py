import itertools

import numpy as np
import pytest

from matmend.bias import Bias, predict_bias
from matmend.dynamics import descend
from matmend.graph import ObservationGraph


def blocks(*shapes):
    """A mask of complete blocks along the diagonal."""
    m, n = (sum(side) for side in zip(*shapes, strict=True))
    mask, i, j = np.zeros((m, n), bool), 0, 0
    for p, q in shapes:
        mask[i : i + p, j : j + q] = True
        i, j = i + p, j + q
    return mask


HOLE = np.ones((3, 3), bool)
HOLE[0, 0] = False
OTHER = blocks((3, 3), (1, 1))
OTHER[0, 0] = False


@pytest.mark.parametrize(
    ("mask", "depth", "bias"),
    [
        (HOLE, 2, Bias.LOW_RANK),
        (HOLE, 3, Bias.LOW_RANK),
        (HOLE, 1, Bias.NEITHER),
        (blocks((1, 1), (2, 2)), 2, Bias.MINIMUM_NUCLEAR_NORM),
        (blocks((1, 1), (2, 2)), 3, Bias.LOW_RANK),
        (OTHER, 2, Bias.NEITHER),
        (OTHER, 4, Bias.LOW_RANK),
        (np.pad(HOLE, ((0, 1), (0, 0))), 2, Bias.LOW_RANK),  # an unobserved row changes nothing
        (np.pad(np.ones((2, 2), bool), ((0, 0), (1, 0))), 2, Bias.MINIMUM_NUCLEAR_NORM),
    ],
)
def test_the_class_of_the_mask_and_the_depth_decide(mask, depth, bias):
    prediction = predict_bias(mask, mask.shape, depth, 1e-8, "gradient_flow")
    assert prediction.bias is bias
    assert prediction == predict_bias(ObservationGraph.from_mask(mask), depth=depth, init_scale=1e-8)


def trained(mask, M, std, *, depth=2, seeds=12):
    rng = np.random.default_rng(1)
    side = len(M)
    factors = tuple(std * rng.normal(size=(seeds, side, side)) for _ in range(depth))
    done = descend(np.repeat(M[None], seeds, 0), mask, factors, tol=1e-13, max_steps=200_000)
    assert bool(done.has_converged.all())
    return np.linalg.svd(np.asarray(done.X), compute_uv=False)


def test_training_does_what_is_predicted():
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    M = U @ np.diag([5.0, 2.0, 1.0, 0.0]) @ V.T
    connected = np.ones((4, 4), bool)
    connected[0, 0] = False
    for std in (1e-2, 1e-4):
        measured = np.median(trained(connected, M, std)[:, 3])
        sigma_1 = np.linalg.norm(np.where(connected, M, 0), 2)
        predicted = predict_bias(connected, init_scale=std, values=M).rank_tail * sigma_1
        assert predicted / 30 < measured < 30 * predicted
    apart = blocks((2, 2), (2, 2))
    least = np.linalg.norm(M[:2, :2], "nuc") + np.linalg.norm(M[2:, 2:], "nuc")
    sigma = trained(apart, M, 1e-6)
    np.testing.assert_allclose(sigma.sum(axis=1), least, rtol=1e-6)
    assert sigma[:, 3].max() > 1e-2  # of rank 4, where 2 would do


@pytest.mark.parametrize("std", [1e-2, 1e-6])
def test_escape_times_are_those_of_gradient_descent(std):
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    M, eta, every, seeds = U @ np.diag([4.0, 2.0, 1.0, 0.5]) @ V.T, 0.01, 10, 40
    mask = np.ones((4, 4), bool)
    predicted = predict_bias(mask, init_scale=std, values=M).escape_times
    assert predicted is not None
    factors = tuple(std * rng.normal(size=(seeds, 4, 4)) for _ in range(2))
    reached = np.full((seeds, 4), np.nan)
    for step in itertools.count(every, every):
        done = descend(np.repeat(M[None], seeds, 0), mask, factors, learning_rate=eta, tol=0.0, max_steps=every)
        factors = tuple(np.asarray(W) for W in done.factors)
        modes = np.einsum("ik,bij,jk->bk", U, np.asarray(done.X), V)
        reached[(modes > [2, 1, 0.5, 0.25]) & np.isnan(reached)] = step * eta
        if not np.isnan(reached).any():
            break
    np.testing.assert_allclose(np.median(reached, axis=0), predicted, rtol=0.06)


def test_escape_times_of_a_large_matrix_need_no_dense_one():
    rng = np.random.default_rng(0)
    m, n, sigma = 1500, 1200, 7.0
    rows, cols = np.repeat(np.arange(40), 30), np.tile(np.arange(30), 40)
    u, v = rng.normal(size=40), rng.normal(size=30)
    block = sigma * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    graph = ObservationGraph.from_entries(rows, cols, (m, n))
    large = predict_bias(graph, values=block[graph.rows, graph.cols], width=4)
    small = predict_bias(np.ones((40, 30), bool), values=block, width=4)
    assert large.escape_times is not None
    assert small.escape_times is not None
    np.testing.assert_allclose(large.escape_times, small.escape_times, rtol=1e-9)


def beginnings(**given):
    settings = {"mask": HOLE, "init_scale": 1e-4} | given
    return [warning.split()[0] for warning in predict_bias(**settings).warnings]


def test_warnings_come_with_their_causes_and_only_then():
    M = np.diag([4.0, 2.0, 1.0]) + 0.1
    assert beginnings() == []
    assert beginnings(optimizer="momentum", values=M, learning_rate=0.05, max_steps=10_000) == []
    assert beginnings(optimizer="adam") == ["Adam"]
    assert beginnings(weight_decay=1e-3) == ["Weight"]
    assert beginnings(dtype="float32") == ["float32"]
    assert beginnings(init_scale=1e-17) == ["init_scale"]
    assert beginnings(init_scale=0.1) == ["The"]
    assert beginnings(values=M, learning_rate=0.6) == ["The"]
    assert beginnings(values=M, learning_rate=0.05, max_steps=50) == ["The"]
    assert beginnings(mask=np.array([[True, False], [True, True]])) == ["3"]  # every entry of a tree is a bridge
    assert beginnings(mask=np.array([[True, True, False], [True, True, True]])) == ["One"]
    assert beginnings(mask=np.pad(HOLE, ((0, 2), (0, 0)))) == ["2"]
    assert beginnings(mask=np.pad(HOLE, ((0, 1), (0, 0)))) == ["One"]
    glued = blocks((20, 20), (20, 20))
    glued[0, 20] = glued[1, 21] = True
    assert beginnings(mask=glued) == ["The"]
    assert "spectral gap" in predict_bias(glued, init_scale=1e-4).warnings[0]
    assert beginnings(mask=glued, depth=3, init_scale=1e-2) == []
    assert beginnings(mask=blocks((20, 20), (20, 20))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros((2, 2), bool)}, "no observed entry"),
        ({"shape": (2, 2)}, "the mask has shape"),
        ({"depth": 0}, "depth: expected"),
        ({"init_scale": 0.0}, "init_scale: expected"),
        ({"optimizer": "sgd?"}, "optimizer: expected one of"),
        ({"values": np.ones(3)}, "one for each observed entry"),
        ({"values": np.full((3, 3), np.nan)}, "NaN or infinite"),
        ({"values": np.zeros((3, 3))}, "every observed value is 0"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        predict_bias(**{"mask": HOLE, **change})
