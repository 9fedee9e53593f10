"""For the site: which names a package offers, and what of the docstrings' markup Markdown does not know."""

import ast
import re
from typing import Any

import griffe

_TYPE = re.compile(r"^([ \t]*[\w*][\w*, ]* : )(.*)$", re.MULTILINE)
_ROLE = re.compile(r":(?:func|class|mod|meth|attr):`~?([\w.]+)`")
_INLINE = re.compile(r":math:`([^`]*)`")
_BLOCK = re.compile(r"^([ \t]*)\.\. math:: (.*(?:\n\1[ \t]+\S.*)*)", re.MULTILINE)


def as_markdown(text: str) -> str:
    r"""Turn roles into references, and formulas into what can be read without a program that sets them.

    >>> as_markdown("See :func:`mae`, :math:`x^2`.")
    'See [`mae`][], `x^2`.'
    >>> print(as_markdown("Minimise\n\n.. math:: a\n          + b\n\nover a."))
    Minimise
    <BLANKLINE>
    ```tex
    a
    + b
    ```
    <BLANKLINE>
    over a.
    """

    def block(match: re.Match[str]) -> str:
        lines = [line.strip() for line in match[2].splitlines()]
        return "\n".join(match[1] + line for line in ("```tex", *lines, "```"))

    def role(match: re.Match[str]) -> str:
        name = match[1].rpartition(".")[2]
        return f"[`{name}`][]" if name == match[1] else f"[`{name}`][{match[1]}]"

    text = _TYPE.sub(lambda match: match[1] + match[2].replace("``", ""), text)  # set as code already
    return _INLINE.sub(r"`\1`", _ROLE.sub(role, _BLOCK.sub(block, text)))


class Exports(griffe.Extension):
    """Tell Griffe that what a package imports as itself (``from x import y as y``) is its public interface."""

    def on_module_members(self, *, node: ast.AST | griffe.ObjectNode, mod: griffe.Module, **kwargs: Any) -> None:
        """Set the names of one module."""
        del kwargs
        if not isinstance(node, ast.Module) or mod.exports is not None:
            return
        handed_on = {
            alias.name
            for statement in node.body
            if isinstance(statement, ast.ImportFrom)
            for alias in statement.names
            if alias.asname == alias.name
        }
        own = {name for name, member in mod.members.items() if not member.is_alias and not name.startswith("_")}
        # Modules below a package have headings of their own where they are listed by name.
        own -= {name for name in own if mod.members[name].is_module}
        mod.exports = [*sorted(own | handed_on)]

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Mend the markup of one docstring."""
        del kwargs
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
