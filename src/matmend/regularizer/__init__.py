"""The regularizers ``R`` of equation (1); ``0.1 * r`` scales one and ``r + s`` adds two."""

from matmend.regularizer.adaptive import AdaptiveLaplacian as AdaptiveLaplacian
from matmend.regularizer.adaptive import RowSoftmin as RowSoftmin
from matmend.regularizer.adaptive import TotalSoftmax as TotalSoftmax
from matmend.regularizer.base import AbstractRegularizer as AbstractRegularizer
from matmend.regularizer.base import Scaled as Scaled
from matmend.regularizer.base import Sum as Sum
from matmend.regularizer.base import decompose as decompose
from matmend.regularizer.dirichlet import dirichlet_energy as dirichlet_energy
from matmend.regularizer.dirichlet import laplacian as laplacian
from matmend.regularizer.given import GivenLaplacian as GivenLaplacian
from matmend.regularizer.variation import FivePointLaplacian as FivePointLaplacian
from matmend.regularizer.variation import TotalVariation as TotalVariation
