"""What one gradient step of one tiny problem costs: matmend's batch, a plain NumPy batch, PyTorch one by one.

``python -m benchmarks.tiny_batches`` trains 1,000 problems of 4 x 4 (depth 2, 12 entries observed, float64), 100,000
steps each, by ``matmend.dynamics.descend``. In the same run, on the same data and start, it times

* ``numpy``: the gradient step written out by hand on the whole batch, ``@`` on arrays of shape (1000, 4, 4);
* ``torch``: eager PyTorch with autograd and ``torch.optim.SGD``, one problem at a time, as one writes it for one.

These make fewer steps (every step costs the same), and all are interleaved and repeated; what counts is the ratio of
the times per problem and step within a repeat. They, and ``solve_many``, must reach the same matrices in 1,000 steps.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
import optax

from experiments.connectivity._problems import Given
from matmend import DeepFactorization, Masked, Problem
from matmend.dynamics import descend
from matmend.solve import solve_many

LEARNING_RATE = 0.05
STD = 1e-4


def data(num_problems: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return rank-2 matrices of norm 4, masks of 12 entries, and factors."""
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(num_problems, 4, 2)) @ rng.normal(size=(num_problems, 2, 4))
    M *= 4 / np.linalg.norm(M, axis=(1, 2), keepdims=True)
    mask = rng.random((num_problems, 16)).argsort(axis=1).reshape(-1, 4, 4) < 12
    return M, mask, (STD * rng.normal(size=M.shape), STD * rng.normal(size=M.shape))


def numpy_steps(M: np.ndarray, mask: np.ndarray, factors: tuple[np.ndarray, np.ndarray], steps: int) -> np.ndarray:
    """Return the products after `steps` steps on the whole batch."""
    B, A = (W.copy() for W in factors)
    P = mask.astype(M.dtype)
    for _ in range(steps):
        R = P * (A @ B - M)
        A, B = A - LEARNING_RATE * R @ B.swapaxes(1, 2), B - LEARNING_RATE * A.swapaxes(1, 2) @ R
    return A @ B


def torch_steps(M: np.ndarray, mask: np.ndarray, factors: tuple[np.ndarray, np.ndarray], steps: int) -> np.ndarray:
    """Return the product of the first problem after `steps` steps."""
    import torch

    B, A = (torch.tensor(W[0]).requires_grad_() for W in factors)
    target, P = torch.tensor(M[0]), torch.tensor(mask[0].astype(float))
    optimizer = torch.optim.SGD([A, B], lr=LEARNING_RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = 0.5 * ((P * (A @ B - target)) ** 2).sum()
        loss.backward()
        optimizer.step()
    return (A @ B).detach().numpy()


def many_steps(M: np.ndarray, mask: np.ndarray, factors: tuple[np.ndarray, np.ndarray], steps: int) -> np.ndarray:
    """Return the products after `steps` steps by the general batch."""
    problems = [
        # The squared loss has no 1/2: the normalizer 2 supplies it.
        Problem(Masked.from_array(Y, seen, normalizer=2.0), DeepFactorization(2, initialization=Given((B, A))))
        for Y, seen, B, A in zip(M, mask, *map(jax.numpy.asarray, factors), strict=True)
    ]
    keys = list(jax.random.split(jax.random.key(0), len(problems)))
    done = solve_many(problems, _SGD, keys=keys, max_steps=steps, every=steps)
    return np.stack([solution.X.dense() for solution in done])


_SGD = optax.sgd(LEARNING_RATE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    import torch

    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)  # one thread is what suits a 4 x 4 matrix best
    M, mask, factors = data(arguments.problems)
    print(
        f"{platform.machine()}, {jax.devices()[0].device_kind}, {os.cpu_count()} CPUs, jax {jax.__version__}, numpy "
        f"{np.__version__}, torch {torch.__version__}; {arguments.problems} problems of 4 x 4, float64"
    )

    def descended(steps: int) -> np.ndarray:
        done = descend(M, mask, factors, learning_rate=LEARNING_RATE, tol=0.0, max_steps=steps)
        assert int(done.steps.min()) == steps
        return np.asarray(done.X)

    X = descended(1000)
    np.testing.assert_allclose(numpy_steps(M, mask, factors, 1000), X, atol=1e-10)
    np.testing.assert_allclose(many_steps(M, mask, factors, 1000), X, atol=1e-10)
    np.testing.assert_allclose(torch_steps(M, mask, factors, 1000), X[0], atol=1e-10)
    print("all four reach the same matrices after 1,000 steps")

    N = arguments.problems
    runs: dict[str, tuple[Callable[[int], object], int, int]] = {
        "descend": (descended, arguments.steps, N),
        "numpy": (lambda steps: numpy_steps(M, mask, factors, steps), 1000, N),
        "torch": (lambda steps: torch_steps(M, mask, factors, steps), 3000, 1),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(arguments.repeats):
        for name, (run, steps, count) in runs.items():
            started = time.perf_counter()
            run(steps)
            seconds = time.perf_counter() - started
            times[name].append(1e6 * seconds / steps / count)
            if name == "descend":
                print(f"repeat {repeat}: {N:,} problems x {steps:,} steps in {seconds:.1f} s")
    print("microseconds per problem and step, median (least to greatest); ratio to descend within a repeat")
    for name, values in times.items():
        ratios = [value / ours for value, ours in zip(values, times["descend"], strict=True)]
        print(
            f"  {name:10s} {statistics.median(values):10.4f}  ({min(values):.4f} to {max(values):.4f})   "
            f"{statistics.median(ratios):10.1f}  ({min(ratios):.1f} to {max(ratios):.1f})"
        )


if __name__ == "__main__":
    main()
