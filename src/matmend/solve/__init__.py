"""The training loop: pure functions inside, one loop on the host outside."""

from matmend.solve.batch import OnBatch as OnBatch
from matmend.solve.batch import solve_many as solve_many
from matmend.solve.loop import OnBlock as OnBlock
from matmend.solve.loop import Solution as Solution
from matmend.solve.loop import solve as solve
from matmend.solve.optimizers import Optimizer as Optimizer
from matmend.solve.optimizers import adam as adam
from matmend.solve.optimizers import annealed_adam as annealed_adam
from matmend.solve.optimizers import group_rmsprop as group_rmsprop
from matmend.solve.record import RecordFn as RecordFn
from matmend.solve.record import losses as losses
from matmend.solve.record import with_errors as with_errors
from matmend.solve.record import with_spectrum as with_spectrum
from matmend.solve.state import Result as Result
from matmend.solve.state import State as State
from matmend.solve.steps import init as init
from matmend.solve.steps import run as run
from matmend.solve.steps import step as step
from matmend.solve.stop import AbstractStop as AbstractStop
from matmend.solve.stop import AnyOf as AnyOf
from matmend.solve.stop import EnergyDecay as EnergyDecay
from matmend.solve.stop import EnergyStalled as EnergyStalled
from matmend.solve.stop import HeldoutBeaten as HeldoutBeaten
from matmend.solve.stop import HeldoutRise as HeldoutRise
from matmend.solve.stop import LossBelow as LossBelow
from matmend.solve.stop import never as never
