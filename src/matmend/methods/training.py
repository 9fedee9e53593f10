"""The training that the methods of matmend's own share: one array, several candidates, or many arrays as one batch."""

import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from matmend.methods.completion import Completion
from matmend.methods.recipe import Given, InUnits, Recipe, Task, stop_rule
from matmend.solve import (
    AbstractStop,
    AnyOf,
    Checkpoints,
    HeldoutBeaten,
    OnBatch,
    OnBlock,
    Optimizer,
    RecordFn,
    Result,
    Solution,
    never,
    solve,
    solve_many,
    with_errors,
)

_log = logging.getLogger(__name__)

MARGIN = 0.1
"""Share by which a later candidate's held-out error must be smaller."""


def complete_with(
    recipes: Recipe | Sequence[Recipe],
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    seed: int = 0,
    steps: int | None = None,
    every: int = 100,
    optimizer: Optimizer | None = None,
    scale: float | None = None,
    holdout: float = 0.05,
    refit: bool = False,
    stop: AbstractStop | None = None,
    on_block: Sequence[OnBlock] = (),
    checkpoint: Checkpoints | None = None,
) -> Completion:
    """Complete an array by training a composed problem, with a share of the entries held out.

    Parameters
    ----------
    recipes : Recipe or sequence of Recipe
        What to train. Of several candidates the one of least error on the held-out entries is taken; a later one must
        be better by a tenth, so that chance among few held-out entries does not decide.
    observed : array of shape (m, n), or (m, n, c) with channels
        Floating point data are taken as they are, small integers as float32. Channels are laid side by side as
        ``[X_1 | ... | X_c]`` and completed as one matrix.
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.
    seed : int, default 0
        Fixes the start and the choice of held-out entries.
    steps, every : int
        Most steps (by default the recipe's), and steps between two records.
    optimizer : Optax transformation, optional
        In place of the recipe's, such as [`group_rmsprop()`][matmend.solve.group_rmsprop].
    scale : float, optional
        What is called 1 inside: the data are divided by it and the result is multiplied by it. By default the range of
        the observed values, so that 0..1, 0..255 and ratings of 1..5 are trained alike. With 1 the data are trained as
        they are.
    holdout : float, default 0.05
        Share of the observed entries set aside, 0 for none. The result is the recorded iterate of least held-out
        error or, without held-out entries, of least observed error: Adam's late jumps do no harm.
    refit : bool, default False
        Train the chosen candidate once more on all observed entries, as many steps as were best.
    stop : AbstractStop, optional
        By default the recipe's natural one and, where entries are held out, a rise of the error on them. A
        candidate is also given up when it falls no further and another one was better.
    on_block : sequence of callables, optional
        See [`solve`][matmend.solve.solve].
    checkpoint : Checkpoints, optional
        Every training, candidates and refit alike, saves to a part of this and goes on from what is found there. Called
        again with the same arguments after the program was ended, this returns what it would have returned.

    Returns
    -------
    Completion

    Raises
    ------
    ValueError
        If the array or mask cannot be used, there is nothing to choose or to refit by, or `checkpoint` holds another
        run; the message says why.

    Notes
    -----
    The objective is a mean of squares plus a sum of energies, which is homogeneous: dividing the data by a constant
    divides the whole objective by its square and changes no weight. What is *not* homogeneous is the training, whose
    start and step lengths are absolute numbers. Hence `scale`: with it, completing ``c Y`` gives ``c`` times the
    completion of ``Y``.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.representation import DeepFactorization
    >>> X = np.outer(np.arange(1, 9), np.arange(1, 9)) / 64
    >>> done = complete_with(Recipe("deep", DeepFactorization()), X, X != X[2, 3], holdout=0.0, steps=3000)
    >>> bool(abs(done.completed[2, 3] - X[2, 3]) < 0.02)
    True
    """
    started = time.perf_counter()
    candidates = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    if not candidates or ((len(candidates) > 1 or refit) and not holdout):
        raise ValueError(
            f"{len(candidates)} candidates with holdout={holdout}: to choose among several, or to refit for as many "
            "steps as are best, some entries must be held out."
        )
    given = Given.of(observed, mask, scale)
    numbers = itertools.count(1)

    def train(task: Task, stop: AbstractStop, most: int | None = None) -> Solution:
        length = task.recipe.steps if steps is None else steps
        # Everything between the trainings is made anew from the same numbers, so their states are all there is to keep.
        part = None if checkpoint is None else checkpoint.part(f"training-{next(numbers)}")
        return solve(
            task.problem, task.recipe.optimizer(length) if optimizer is None else optimizer,
            key=jax.random.key(seed), max_steps=length if most is None else most, every=every, stop=stop,
            record=InUnits(jnp.asarray(given.scale)), on_block=on_block, checkpoint=part, throw=False,
        )  # fmt: skip

    first = Task.of(candidates[0], given, seed=seed, holdout=holdout)
    tried = [(first, train(first, stop_rule(candidates[0], holdout, stop)))]
    chosen = 0
    for recipe in candidates[1:]:
        to_beat = (1 - MARGIN) ** 2 * tried[chosen][1].state.best.score
        if tried[-1][1].result == Result.interrupted or float(to_beat) > recipe.tried_below**2:
            continue
        task = Task.of(recipe, given, seed=seed, holdout=holdout)
        rule = AnyOf((HeldoutBeaten(to_beat), stop_rule(recipe, holdout, stop)))
        tried.append((task, train(task, rule)))
        if bool(tried[-1][1].state.best.score < to_beat):
            chosen = len(tried) - 1
    task, solution = tried[chosen]
    if len(candidates) > 1:
        for number, (one, found) in enumerate(tried):
            _log.info("%s: %s%s", one.recipe.method, one.summary(found), " (chosen)" * (number == chosen))
    done = task.finish(solution, started)
    if len(candidates) > 1:
        done.settings["candidates"] = [one.summary(found) for one, found in tried]
    if refit and not done.is_partial and done.step > 0:
        _log.info("%s: once more on all observed entries, %d steps", done.method, done.step)
        whole = Task.of(task.recipe, given, seed=seed, holdout=0.0)
        again = whole.finish(train(whole, never, done.step), started)
        return replace(done, is_partial=True, message=again.message) if again.is_partial else again.following(done)
    return done


def complete_many_with(
    recipe: Recipe,
    observed: Sequence[ArrayLike],
    masks: Sequence[ArrayLike | None],
    *,
    seeds: Sequence[int],
    steps: int | None = None,
    every: int = 100,
    optimizer: Optimizer | None = None,
    scale: float | None = None,
    holdout: float = 0.05,
    stop: AbstractStop | None = None,
    record: RecordFn | Sequence[RecordFn] = with_errors,
    on_block: Sequence[OnBatch] = (),
) -> list[Completion]:
    """Complete several arrays of one shape as one batch: other masks, other seeds, one compiled program.

    Parameters
    ----------
    recipe : Recipe
    observed, masks : sequences
        Arrays of one shape and their masks.
    seeds : sequence of int
        One per array.
    steps, every, optimizer, scale, holdout, stop
        As in [`complete_with`][matmend.methods.complete_with]; each of the results equals what it returns, up to
        rounding.
    record : callable, or one per array
        See [`solve_many`][matmend.solve.solve_many]. Records see the data divided by `scale`.
    on_block : sequence of callables

    Returns
    -------
    list of Completion
        ``seconds`` is that of the whole batch.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.representation import DeepFactorization
    >>> X = np.outer(np.arange(1, 9), np.arange(1, 9)) / 64
    >>> masks = [X != X[2, 3], X != X[4, 5]]
    >>> recipe = Recipe("deep", DeepFactorization())
    >>> [done.steps for done in complete_many_with(recipe, [X, X], masks, seeds=[0, 1], holdout=0.0, steps=10)]
    [10, 10]
    """
    started = time.perf_counter()
    tasks = [
        Task.of(recipe, Given.of(array, mask, scale), seed=seed, holdout=holdout)
        for array, mask, seed in zip(observed, masks, seeds, strict=True)
    ]
    length = recipe.steps if steps is None else steps
    solutions = solve_many(
        [task.problem for task in tasks], recipe.optimizer(length) if optimizer is None else optimizer,
        keys=[jax.random.key(seed) for seed in seeds], max_steps=length, every=every,
        stop=stop_rule(recipe, holdout, stop), record=record, on_block=on_block,
    )  # fmt: skip
    return [task.finish(solution, started) for task, solution in zip(tasks, solutions, strict=True)]
