"""What one AIR step costs: against its matrix products alone, and against plain PyTorch.

``python -m benchmarks.step_cost`` times, in one run and with the same threads,

* ``step``: one AIR step of matmend (depth 3, two learned graphs, Adam), inside its compiled loop;
* ``products``: the ten matrix products that such a step cannot do without (two to form ``X``, four to send its
  gradient back to the factors, two for each graph), each feeding the next so that none can be dropped;
* ``torch``: the same model written plainly in eager PyTorch, and ``torch (element-wise trace)``: the same with its
  traces taken element-wise, a small tuning that a careful writer would make.

They are interleaved and repeated; what counts is the ratio within a repeat, whose median is printed.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from matmend import AdaptiveLaplacian, DeepFactorization, Gaussian, Masked, Problem, Transpose
from matmend.masks import random_mask
from matmend.solve import adam, init, run

WEIGHT = 1e-4


def matmend_runner(X: np.ndarray, mask: np.ndarray, steps: int) -> Callable[[], None]:
    """Return a function that makes `steps` steps in one compiled block."""
    problem = Problem(
        Masked.from_array(X, mask, normalizer=X.size),
        DeepFactorization(depth=3, initialization=Gaussian(1e-3, 1e-3)),
        WEIGHT * AdaptiveLaplacian() + WEIGHT * AdaptiveLaplacian(Transpose()),
    )
    block = eqx.filter_jit(run)
    state = init(problem, adam(1e-3), key=jax.random.key(0))
    holder: dict[str, Any] = {"state": state}

    def go() -> None:
        holder["state"], _ = block(problem, adam(1e-3), holder["state"], blocks=1, every=steps)
        jax.block_until_ready(holder["state"].params)

    return go


def products_runner(n: int, steps: int) -> Callable[[], None]:
    """Return a function that makes `steps` times ten chained n-by-n products."""
    # An orthogonal factor keeps the chain from overflowing or vanishing.
    Q = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (n, n)))[0]

    @jax.jit
    def chain(Z: jax.Array) -> jax.Array:
        def ten(_: int, Z: jax.Array) -> jax.Array:
            for _i in range(10):
                Z = Z @ Q
            return Z

        return jax.lax.fori_loop(0, steps, ten, Z)

    def go() -> None:
        jax.block_until_ready(chain(Q))

    return go


def torch_runner(X: np.ndarray, mask: np.ndarray, steps: int, *, device: str, tuned: bool) -> Callable[[], None]:
    """Return a function that makes `steps` steps of the plain PyTorch program."""
    import torch

    from benchmarks._torch_air import elementwise_trace, make_step, product_trace

    trace = elementwise_trace if tuned else product_trace
    step = make_step(X, mask, weight=WEIGHT, device=device, trace=trace)

    def go() -> None:
        for _ in range(steps):
            step()
        if device != "cpu":
            torch.cuda.synchronize()

    return go


def measure(runners: dict[str, Callable[[], None]], steps: int, repeats: int) -> dict[str, list[float]]:
    """Time the runners in turn; return milliseconds per step of every repeat."""
    for go in runners.values():
        go()
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(repeats):
        for name, go in runners.items():
            started = time.perf_counter()
            go()
            times[name].append(1e3 * (time.perf_counter() - started) / steps)
    return times


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):8.3f}  ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[240, 512])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    arguments = parser.parse_args()

    device = jax.devices()[0]
    on_gpu = device.platform == "gpu"
    print(f"{platform.machine()}, {device.device_kind}, {os.cpu_count()} CPUs, jax {jax.__version__}", end="")
    if not arguments.no_torch:
        import torch

        print(f", torch {torch.__version__} with {torch.get_num_threads()} threads", end="")
    print(f"; median of {arguments.repeats} interleaved repeats (least to greatest)")

    for n in arguments.sizes:
        steps = max(10, round(200 * (240 / n) ** 3)) if not on_gpu else 1000
        X = np.random.default_rng(0).random((n, n)).astype(np.float32)
        mask = random_mask((n, n), 0.3, seed=0)
        runners = {"step": matmend_runner(X, mask, steps), "products": products_runner(n, steps)}
        if not arguments.no_torch:
            place = "cuda" if on_gpu else "cpu"
            runners["torch"] = torch_runner(X, mask, steps, device=place, tuned=False)
            runners["torch (element-wise trace)"] = torch_runner(X, mask, steps, device=place, tuned=True)
        times = measure(runners, steps, arguments.repeats)
        print(f"\n{n} x {n}, {steps} steps a repeat; milliseconds per step")
        for name, values in times.items():
            print(f"  {name:28s} {_spread(values)}")
        print("  ratios within a repeat")
        print(f"  {'step / products':28s} {_spread(_ratio(times['step'], times['products']))}")
        for name in runners:
            if name.startswith("torch"):
                print(f"  {name + ' / step':28s} {_spread(_ratio(times[name], times['step']))}")


def _ratio(above: list[float], below: list[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


if __name__ == "__main__":
    main()
