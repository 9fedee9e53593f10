"""The command line: ``matmend demo``, ``matmend complete`` and ``matmend compare``."""

from matmend.cli.app import app as app
from matmend.cli.app import main as main
