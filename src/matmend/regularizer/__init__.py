"""The regularizers ``R`` of equation (1); ``0.1 * r`` scales one and ``r + s`` adds two."""

from matmend.regularizer.adaptive import AdaptiveLaplacian as AdaptiveLaplacian
from matmend.regularizer.affinity import AbstractAffinity as AbstractAffinity
from matmend.regularizer.affinity import AbstractNormalization as AbstractNormalization
from matmend.regularizer.affinity import FreeLogits as FreeLogits
from matmend.regularizer.affinity import RowSoftmin as RowSoftmin
from matmend.regularizer.affinity import TotalSoftmax as TotalSoftmax
from matmend.regularizer.base import AbstractRegularizer as AbstractRegularizer
from matmend.regularizer.base import Scaled as Scaled
from matmend.regularizer.base import Sum as Sum
from matmend.regularizer.base import decompose as decompose
from matmend.regularizer.base import is_refreshed as is_refreshed
from matmend.regularizer.dirichlet import dirichlet_energy as dirichlet_energy
from matmend.regularizer.dirichlet import laplacian as laplacian
from matmend.regularizer.dirichlet import power_energy as power_energy
from matmend.regularizer.frozen import frozen as frozen
from matmend.regularizer.given import GivenLaplacian as GivenLaplacian
from matmend.regularizer.network import CoordinateNetwork as CoordinateNetwork
from matmend.regularizer.variation import FivePointLaplacian as FivePointLaplacian
from matmend.regularizer.variation import TotalVariation as TotalVariation
