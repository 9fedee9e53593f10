"""How the program speaks to people: on standard error, without breaking lines for a terminal that may not be there."""

from rich.console import Console
from rich.markup import escape


def say(message: str) -> None:
    """Print a message in rich markup; put names of files and other foreign words through [`literal`][] first."""
    Console(stderr=True).print(message, highlight=False, soft_wrap=True)


def literal(words: object) -> str:
    r"""Return foreign words such that brackets in them are printed and not read as markup.

    Examples
    --------
    >>> literal("scan[red].png")
    'scan\\[red].png'
    """
    return escape(str(words))
