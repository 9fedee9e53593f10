"""What the observed entries decide before anything is completed: numbers, and sentences that say them.

Needs neither JAX nor drawing: ``matmend inspect`` is quick.
"""

from matmend.report.verdict.inspecting import Tell as Tell
from matmend.report.verdict.inspecting import inspected as inspected
from matmend.report.verdict.subject import Subject as Subject
