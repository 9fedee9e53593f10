"""How ``X`` is parametrised: as a product of factors, or by itself."""

from matmend.representation.base import AbstractRepresentation as AbstractRepresentation
from matmend.representation.biased import Biased as Biased
from matmend.representation.direct import Direct as Direct
from matmend.representation.factorization import DeepFactorization as DeepFactorization
from matmend.representation.initialization import AbstractInitialization as AbstractInitialization
from matmend.representation.initialization import Balanced as Balanced
from matmend.representation.initialization import Gaussian as Gaussian
from matmend.representation.initialization import ScaledIdentity as ScaledIdentity
from matmend.representation.spectral import Spectral as Spectral
