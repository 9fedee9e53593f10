"""The command line: ``matmend demo`` and ``matmend complete``."""

from matmend.cli.app import app as app
from matmend.cli.app import main as main
