"""What the observed entries determine at a given rank, before anything is trained."""

from matmend.completability.advice import Advice as Advice
from matmend.completability.advice import advise as advise
from matmend.completability.bounds import largest_completable_rank as largest_completable_rank
from matmend.completability.bounds import upper_bound_rank as upper_bound_rank
from matmend.completability.determinability import Determinability as Determinability
from matmend.completability.determinability import determinability as determinability
from matmend.completability.determinability import jacobian_rank as jacobian_rank
from matmend.completability.hidden import EntryClass as EntryClass
from matmend.completability.hidden import entry_classes as entry_classes
from matmend.completability.jacobian import determined_entries as determined_entries
from matmend.completability.jacobian import jacobian as jacobian
from matmend.completability.jacobian import jacobian_ranks as jacobian_ranks
from matmend.completability.paths import RankOne as RankOne
from matmend.completability.paths import rank_one as rank_one
