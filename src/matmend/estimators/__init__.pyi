from .completer import MatrixCompleter as MatrixCompleter
from .empty import EmptyWarning as EmptyWarning
from .entries import EntryRegressor as EntryRegressor
from .entry_table import DuplicatePairsWarning as DuplicatePairsWarning
from .progress import Progress as Progress
from .reading import DuplicateEntriesWarning as DuplicateEntriesWarning
