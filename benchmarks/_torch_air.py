"""AIR-Net written plainly in eager PyTorch: the peer that matmend is measured against.

This is what a researcher writes from the formulas: the objective term by term, `autograd` for the gradients and
`torch.optim.Adam` for the update. It is deliberately not tuned: the traces are taken of whole products, and there is no
closed-form gradient, no `torch.compile` and no CUDA graph.

Notes
-----
The model is X = W^[L-1] … W^[0] with factors as wide as X has rows. The objective is the mean over *all* entries of the
squared residual, with unobserved residuals set to 0, plus `weight` times R_r = tr(Xᵀ L_r X) and R_c = tr(X L_c Xᵀ). A
Laplacian is made from its logits by a softmin of each row, P; then A = (P + Pᵀ) / 2 with a zero diagonal and
L = diag(A 1) - A. Mean squares, row-wise softmin, a common weight of 1e-4 and factor entries from N(1e-3, 1e-3²) are
the choices of the authors' experiments; the text of the paper has absolute residuals, one softmax over all entries, a
smaller weight and zero-mean factors.

References
----------
Zhemin Li, Hongxia Wang, "AIR-Net: Adaptive and Implicit Regularization Neural Network for Matrix Completion",
arXiv:2110.07557, 2021.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def product_trace(X: Tensor, L: Tensor) -> Tensor:
    """Return tr(Xᵀ L X) as it is written in the paper."""
    return torch.trace(X.T @ L @ X)


def elementwise_trace(X: Tensor, L: Tensor) -> Tensor:
    """Return tr(Xᵀ L X) without forming the second product: what a careful writer would do."""
    return (X * (L @ X)).sum()


def laplacian(logits: Tensor) -> Tensor:
    """Return the graph Laplacian L = diag(A 1) - A of the adjacency A behind `logits`."""
    affinity = torch.softmax(-logits, dim=1)
    adjacency = (affinity + affinity.T) / 2
    adjacency = adjacency - torch.diag(torch.diag(adjacency))
    return torch.diag(adjacency.sum(dim=1)) - adjacency


class Step:
    """One optimiser step per call; everything stays on the device, and no call waits for it.

    Parameters
    ----------
    X : Tensor of shape (m, n)
        The matrix; its unobserved entries are ignored and may be NaN.
    mask : Tensor of shape (m, n), boolean
        True where an entry is observed.
    depth : int
        The number of factors.
    weight : float
        The weight of both R_r and R_c; 0 gives plain deep matrix factorization.
    trace : callable
        How R is evaluated, `product_trace` or `elementwise_trace`.
    generator : torch.Generator
        The source of the initial parameters, on the CPU, so that every device starts from the same numbers.
    """

    def __init__(
        self,
        X: Tensor,
        mask: Tensor,
        *,
        depth: int,
        weight: float,
        trace: Callable[[Tensor, Tensor], Tensor],
        generator: torch.Generator,
    ):
        m, n = X.shape
        self.trace = trace
        self.weights = mask.to(X.dtype)
        self.values = torch.where(mask, X, torch.zeros_like(X))
        self.weight = weight

        def normal(*shape: int) -> Tensor:
            start = 1e-3 + 1e-3 * torch.randn(*shape, generator=generator)
            return start.to(X.device).requires_grad_()

        def uniform(size: int) -> Tensor:
            start = (2 * torch.rand(size, size, generator=generator) - 1) / size**0.5
            return start.to(X.device).requires_grad_()

        self.factors = [normal(m, n if layer == 0 else m) for layer in range(depth)]
        self.logits_row, self.logits_col = uniform(m), uniform(n)
        self.optimizer = torch.optim.Adam([*self.factors, self.logits_row, self.logits_col], lr=1e-3)

    def product(self) -> Tensor:
        """Return X = W^[L-1] … W^[0]."""
        X = self.factors[0]
        for factor in self.factors[1:]:
            X = factor @ X
        return X

    def objective(self) -> tuple[Tensor, Tensor]:
        """Return the whole objective and, alone, its first term: the mean squared residual."""
        X = self.product()
        fidelity = (self.weights * (X - self.values)).square().mean()
        R_row = self.trace(X, laplacian(self.logits_row))
        R_col = self.trace(X.T, laplacian(self.logits_col))
        return fidelity + self.weight * R_row + self.weight * R_col, fidelity

    def __call__(self) -> Tensor:
        """Do one step; return the objective from before it, still on the device."""
        self.optimizer.zero_grad()
        loss, _ = self.objective()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def run(self, steps: int) -> Tensor:
        """Do `steps` steps, at least one; return the objective from before the last, still on the device."""
        if steps < 1:
            raise ValueError(f"expected at least one step, got steps={steps}")
        for _ in range(steps - 1):
            self()
        return self()

    @torch.no_grad()
    def completed(self) -> np.ndarray:
        """Return the present X on the host; this waits for the device."""
        return self.product().cpu().numpy()


def make_step(
    X: ArrayLike,
    mask: ArrayLike,
    *,
    depth: int = 3,
    weight: float = 1e-4,
    trace: Callable[[Tensor, Tensor], Tensor] = product_trace,
    seed: int = 0,
    device: str = "cpu",
) -> Step:
    """Return a callable that trains AIR-Net on the observed entries of `X`, one float32 Adam step per call.

    Parameters
    ----------
    X : array of shape (m, n)
        The matrix; its unobserved entries are ignored and may be NaN.
    mask : boolean array of shape (m, n)
        True where an entry is observed.
    depth : int
        The number of factors.
    weight : float
        The weight of both R_r and R_c; 0 leaves them out of the gradient, but they are still computed.
    trace : callable
        How R is evaluated, `product_trace` or `elementwise_trace`.
    seed : int
        The seed of the initial parameters.
    device : str
        The PyTorch device, "cpu" or "cuda".

    Returns
    -------
    Step
        Call it for one step, or call its `run(steps)`. Both return a tensor of one number without waiting for the
        device: a benchmark reads that number, or synchronises, before it stops the clock.
    """
    values = torch.as_tensor(np.array(X, dtype=np.float32), device=device)
    observed = torch.as_tensor(np.array(mask, dtype=bool), device=device)
    if values.ndim != 2 or values.shape != observed.shape:
        raise ValueError(f"expected X and mask of one shape (m, n), got {tuple(values.shape)}, {tuple(observed.shape)}")
    generator = torch.Generator().manual_seed(seed)
    return Step(values, observed, depth=depth, weight=weight, trace=trace, generator=generator)
