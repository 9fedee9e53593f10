"""Training in continuous time: the gradient flows that the theorems speak about."""

from matmend.dynamics.flow import Trajectory as Trajectory
from matmend.dynamics.flow import flow as flow
from matmend.dynamics.flow import gradient_flow as gradient_flow
from matmend.dynamics.flow import imbalance as imbalance
