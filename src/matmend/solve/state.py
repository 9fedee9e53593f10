"""What a training run is, between two steps."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt32

from matmend.problem import ProblemParams, Terms


class Result(eqx.Enumeration):
    """Why a run ended; the values are the messages shown to people."""

    running = "still running"
    max_steps = "all steps were made"
    energy_decayed = "the adaptive regularizer has decayed to the asked fraction of its peak"
    energy_stalled = "no regularizer changed by more than delta in one step (the paper's rule)"
    heldout_rose = "the error on held-out entries had risen above its minimum (over-fitting)"
    settled = "the error no longer falls"
    heldout_beaten = "the error on held-out entries stayed above that of another candidate"
    loss_reached = "the observed loss fell below the asked value"
    interrupted = "interrupted; the result is the state reached so far"
    nonfinite = "the loss became NaN or infinite; try a smaller learning rate or a smaller initialization"


class Best(eqx.Module):
    """The recorded iterate of least score.

    The score is the loss on held-out entries where there are any, else that on observed ones; it never needs the truth.
    """

    params: ProblemParams
    score: Float[Array, ""]
    step: Int[Array, ""]


class State(eqx.Module):
    """A snapshot of training: save it, load it, and the run goes on to the same bits.

    All leaves are plain arrays of numbers: `eqx.tree_serialise_leaves` writes them, and reads them back into
    ``eqx.filter_eval_shape(init, problem, optim, key=key, stop=stop)``.

    Attributes
    ----------
    params : ProblemParams
    opt_state : pytree
        The optimizer's own.
    key_data : uint32 array
        Of the generator, for the draws still to come; `key` is the key made of it.
    step : int array of no axes
        Steps made.
    terms : Terms
        Objective at the parameters *before* the latest step.
    stop_state : pytree
        The stop rule's own.
    result : Result
        ``running`` until the run has ended.
    best : Best
    key_impl : str
        Name of the generator.
    """

    params: ProblemParams
    opt_state: Any
    key_data: UInt32[Array, " k"]
    step: Int[Array, ""]
    terms: Terms
    stop_state: Any
    result: Result
    best: Best
    key_impl: str = eqx.field(static=True)

    @property
    def key(self) -> PRNGKeyArray:
        """Key of the draws still to come."""
        return jax.random.wrap_key_data(self.key_data, impl=self.key_impl)

    @property
    def is_running(self) -> Bool[Array, ""]:
        """True until a stop rule, the step limit or a non-finite loss has ended the run."""
        return self.result == Result.running
