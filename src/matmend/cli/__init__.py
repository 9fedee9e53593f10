"""The command line: ``matmend demo``, ``matmend complete``, ``matmend compare`` and ``matmend inspect``."""

from matmend.cli.app import app as app
from matmend.cli.app import main as main
