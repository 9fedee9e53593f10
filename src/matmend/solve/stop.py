"""Stop rules. None of them needs the truth.

A rule sees, after every step, the terms of the objective, and answers with a [`Result`][matmend.solve.Result]:
``running`` to go on, anything else to end the run and say why.
"""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matmend.problem import Terms
from matmend.solve.state import Result


class AbstractStop(eqx.Module):
    """A frozen description of when to stop."""

    @abstractmethod
    def init(self, terms: Terms) -> Any:
        """Return the rule's memory before the first step; ``terms`` give dtypes and sizes only."""

    @abstractmethod
    def __call__(self, state: Any, step: Int[Array, ""], terms: Terms) -> tuple[Any, Result]:
        """Look at the terms before step ``step`` (from 0), those of the batch if one is drawn, and decide."""


class Never(AbstractStop):
    """Run to the step limit."""

    def init(self, terms: Terms) -> tuple[()]:
        """Remember nothing."""
        del terms
        return ()

    def __call__(self, state: tuple[()], step: Int[Array, ""], terms: Terms) -> tuple[tuple[()], Result]:
        """Go on."""
        del step, terms
        return state, Result.running


never = Never()
"""The rule that never fires."""


class EnergyDecay(AbstractStop):
    """Stop when the regularizers' energies have decayed: ``sum_i R_i < fraction * (its peak so far)``.

    The adaptive regularizer first grows with ``X``, then vanishes as the graph settles on nearly equal rows
    (Corollary 1): its decay tells, without the truth, that it has done its work.

    Parameters
    ----------
    fraction : float, default 0.05
        Between 0 and 1. Larger stops earlier: 0.2 is enough for the images of the paper (8,900 to 9,800 steps of
        10,000), but on other pictures it ends runs whose held-out error is still falling.
    warmup : int, default 100
        Steps that do not count, neither for the peak nor to fire: Adam's first steps overshoot, and the energy with
        them.

    Notes
    -----
    Not in the paper, whose own rule is [`EnergyStalled`][]. The energies are taken without their weights.

    References
    ----------
    Li & Wang 2021, Corollary 1, arXiv:2110.07557.

    Examples
    --------
    >>> EnergyDecay(fraction=0.5, warmup=10)
    EnergyDecay(fraction=0.5, warmup=10)
    """

    fraction: float = eqx.field(static=True, default=0.05)
    warmup: int = eqx.field(static=True, default=100)

    def __check_init__(self):
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction is a share of the peak, between 0 and 1, got {self.fraction}.")

    def init(self, terms: Terms) -> Array:
        """Remember the peak."""
        return jnp.zeros_like(terms.loss)

    def __call__(self, state: Array, step: Int[Array, ""], terms: Terms) -> tuple[Array, Result]:
        """Compare with the peak."""
        energy = sum(terms.energies, start=jnp.zeros_like(terms.loss))
        peak = jnp.where(step >= self.warmup, jnp.maximum(state, energy), state)
        return peak, _fire(energy < self.fraction * peak, Result.energy_decayed)


class EnergyStalled(AbstractStop):
    """The paper's rule: stop when every energy changed by less than ``delta`` in one step.

    Parameters
    ----------
    delta : float
        The paper takes ``m n / 1000``.

    Warnings
    --------
    With the paper's ``delta`` (57.6 for a 240 x 240 image) this fires at the first step at which it can: the energies
    change by at most 6 to 11 a step even at the start. Measured on the image cells of Table 1 the result is the initial
    matrix (NMAE 0.43). It is here to be studied; to stop a run use [`EnergyDecay`][] or [`HeldoutRise`][].

    References
    ----------
    Li & Wang 2021, section 2.3 and the parameter settings of section 4, arXiv:2110.07557.

    Examples
    --------
    >>> EnergyStalled(delta=240 * 240 / 1000)
    EnergyStalled(delta=57.6)
    """

    delta: float = eqx.field(static=True)

    def init(self, terms: Terms) -> tuple[Array, ...]:
        """Remember the latest energies; infinite at first, so that step 0 cannot fire."""
        return tuple(jnp.full_like(energy, jnp.inf) for energy in terms.energies)

    def __call__(
        self, state: tuple[Array, ...], step: Int[Array, ""], terms: Terms
    ) -> tuple[tuple[Array, ...], Result]:
        """Compare with the step before."""
        del step
        still = [jnp.abs(new - old) < self.delta for old, new in zip(state, terms.energies, strict=True)]
        fires = jnp.all(jnp.stack(still)) if still else jnp.asarray(False)
        return terms.energies, _fire(fires, Result.energy_stalled)


class HeldoutRise(AbstractStop):
    """Stop over-fitting: the held-out loss has risen above its minimum and stayed there.

    Fires when ``heldout > (1 + rise) * minimum`` and the minimum is more than ``patience`` steps old. A plateau, which
    deep factorizations cross between two singular values, is no rise and does not end the run.

    Parameters
    ----------
    rise : float, default 0.05
        Relative rise of the held-out loss (0.05 of a squared loss is 2.5 % of the error).
    patience : int, default 500
        Steps since the minimum.

    References
    ----------
    Prechelt 1998, "Early stopping - but when?", the criteria GL and UP, doi:10.1007/3-540-49430-8_3.

    Examples
    --------
    >>> HeldoutRise(rise=0.1, patience=50)
    HeldoutRise(rise=0.1, patience=50)
    """

    rise: float = eqx.field(static=True, default=0.05)
    patience: int = eqx.field(static=True, default=500)

    def init(self, terms: Terms) -> tuple[Array, Array]:
        """Remember the minimum and its step."""
        if terms.heldout is None:
            raise ValueError("HeldoutRise needs held-out entries: give the problem some, or choose another stop rule.")
        return jnp.full_like(terms.heldout, jnp.inf), jnp.zeros((), jnp.int32)

    def __call__(
        self, state: tuple[Array, Array], step: Int[Array, ""], terms: Terms
    ) -> tuple[tuple[Array, Array], Result]:
        """Compare with the minimum."""
        least, when = state
        heldout = terms.heldout
        if heldout is None:
            raise ValueError("HeldoutRise needs held-out entries: give the problem some, or choose another stop rule.")
        better = heldout < least
        least, when = jnp.where(better, heldout, least), jnp.where(better, step, when)
        fires = (heldout > (1 + self.rise) * least) & (step - when > self.patience)
        return (least, when), _fire(fires, Result.heldout_rose)


class HeldoutBeaten(AbstractStop):
    """Give a candidate up: its held-out loss has stopped falling, and another one's was smaller.

    Fires when the minimum of the held-out loss is more than ``patience`` steps old and not below ``score``. A candidate
    that is ahead may rest on plateaus as long as it likes.

    Parameters
    ----------
    score : float or array of no axes
        The least held-out loss of the best candidate so far.
    patience : int, default 1000
        Deep factorizations rest between two singular values; several hundred steps without a gain are no verdict.

    Examples
    --------
    >>> HeldoutBeaten(0.5).patience
    1000
    """

    score: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    patience: int = eqx.field(static=True, default=1000)

    def init(self, terms: Terms) -> tuple[Array, Array]:
        """Remember the minimum and its step."""
        return HeldoutRise().init(terms)

    def __call__(self, state: tuple[Array, Array], step: Int[Array, ""], terms: Terms) -> tuple[Any, Result]:
        """Compare with the minimum, and it with the score."""
        (least, when), _ = HeldoutRise()(state, step, terms)
        fires = (least >= self.score.astype(least.dtype)) & (step - when > self.patience)
        return (least, when), _fire(fires, Result.heldout_beaten)


class LossBelow(AbstractStop):
    """Stop when the observed loss (without regularizers) is below ``value``.

    Parameters
    ----------
    value : float
        In the units of the loss; Arora et al. 2019 train to 1e-6.

    Examples
    --------
    >>> LossBelow(1e-6)
    LossBelow(value=1e-06)
    """

    value: float = eqx.field(static=True)

    def init(self, terms: Terms) -> tuple[()]:
        """Remember nothing."""
        del terms
        return ()

    def __call__(self, state: tuple[()], step: Int[Array, ""], terms: Terms) -> tuple[tuple[()], Result]:
        """Compare with the value."""
        del step
        return state, _fire(terms.fidelity < self.value, Result.loss_reached)


class AnyOf(AbstractStop):
    """Stop when the first of several rules fires.

    Parameters
    ----------
    rules : tuple of AbstractStop

    Examples
    --------
    >>> len(AnyOf((EnergyDecay(), LossBelow(1e-6))).rules)
    2
    """

    rules: tuple[AbstractStop, ...]

    def init(self, terms: Terms) -> tuple[Any, ...]:
        """Remember what each rule remembers."""
        return tuple(rule.init(terms) for rule in self.rules)

    def __call__(self, state: tuple[Any, ...], step: Int[Array, ""], terms: Terms) -> tuple[tuple[Any, ...], Result]:
        """Ask the rules in turn."""
        memories, result = [], Result.running
        for rule, memory in zip(self.rules, state, strict=True):
            memory, answer = rule(memory, step, terms)
            memories.append(memory)
            result = Result.where(result == Result.running, answer, result)
        return tuple(memories), result


def _fire(fires: Array, result: Result) -> Result:
    return Result.where(fires, result, Result.running)
