"""Fit matmend on one set of ratings, in a process of its own, as `_ratings_peers` does with a peer.

``python -m benchmarks._ratings_ours METHOD TRAIN.npz OUT --threads N``. A method takes a `Job` and returns an `Answer`:
see there. Seconds are those of whole calls, compilation included; what is chosen is chosen within them.
"""

import os
import time
from typing import Any

import numpy as np

from benchmarks._ratings_peers import Answer, Job, Method, work


def _complete(job: Job, **settings: Any) -> Answer:
    import jax

    from matmend.io import Ratings
    from matmend.methods.ratings import complete_ratings

    # As `matmend complete --devices N` does.
    os.environ |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": str(4 * job.threads)}
    jax.config.update("jax_num_cpu_devices", job.threads)
    mesh = None
    if job.threads > 1:
        mesh = jax.make_mesh((job.threads,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    start = time.perf_counter()
    ratings = Ratings(job.rows.astype(np.int32), job.cols.astype(np.int32), job.values.astype(np.float32), job.shape)
    model = complete_ratings(ratings, seed=0, mesh=mesh, **settings)
    seconds = time.perf_counter() - start
    found = model.predict(job.test_rows, job.test_cols).values
    return Answer(found, seconds, settings={"chosen": model.message})


def defaults(job: Job) -> Answer:
    """Do what the command line does."""
    return _complete(job)


def ratings_alone(job: Job) -> Answer:
    """Leave out implicit feedback: nothing is chosen."""
    return _complete(job, implicit=False)


def rank_8(job: Job) -> Answer:
    """Take the rank that the peers found."""
    return _complete(job, implicit=False, rank=8)


OURS: list[tuple[str, Method]] = [
    ("matmend, defaults", defaults),
    ("matmend, implicit=False", ratings_alone),
    ("matmend, rank 8", rank_8),
]
"""Name in the table, function. Import matmend inside of the function: the list is read without it too."""


if __name__ == "__main__":
    work(dict(OURS), ("matmend", "jax", "numpy"))
