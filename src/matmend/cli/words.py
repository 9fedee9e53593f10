"""Numbers and names in sentences, as reports have them."""

from matmend.report.verdict.words import listed as listed
from matmend.report.verdict.words import plural as plural
from matmend.report.verdict.words import share as share
from matmend.report.verdict.words import short as short
from matmend.report.verdict.words import some as some
from matmend.report.verdict.words import spans as spans
