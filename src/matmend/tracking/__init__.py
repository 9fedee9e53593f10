"""Callbacks that write a training into TensorBoard or MLflow while it runs: the optional extra ``tracking``.

A tracker goes into `on_block` of [`solve`][matmend.solve.solve] and of
[`complete_with`][matmend.methods.complete_with], hence of all methods that train, and into `on_sweep` of
[`alternate`][matmend.solve.alternate] and of [`complete_ratings`][matmend.methods.ratings.complete_ratings]. The
libraries are imported when a tracker is made.
"""

from matmend.tracking.base import AbstractTracker as AbstractTracker
from matmend.tracking.mlflow import MLflow as MLflow
from matmend.tracking.reading import outcome as outcome
from matmend.tracking.reading import scalars as scalars
from matmend.tracking.tensorboard import TensorBoard as TensorBoard
