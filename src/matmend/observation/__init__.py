"""The measurement ``A`` of equation (1): what of ``X`` was seen, and what it was."""

from matmend.observation.arranged import ArrangedEntries as ArrangedEntries
from matmend.observation.base import AbstractObservation as AbstractObservation
from matmend.observation.entries import Entries as Entries
from matmend.observation.linear import Linear as Linear
from matmend.observation.masked import Masked as Masked
from matmend.observation.operators import AbstractOperator as AbstractOperator
from matmend.observation.operators import Blur as Blur
from matmend.observation.operators import Compose as Compose
from matmend.observation.operators import Sample as Sample
from matmend.observation.operators import Sensing as Sensing
from matmend.observation.operators import Subsample as Subsample
