"""Which options a method takes, read off the methods themselves."""

import inspect
from typing import Any

from matmend.methods import Training, complete_with, registry

WITHOUT_EFFECT = {("knn", "holdout"), ("iterative_svd", "holdout")}
"""Settings that mean nothing to a method unless others are given which the command line does not offer."""


def settings_of(method: str) -> dict[str, Any]:
    """Return the settings that a method takes and their defaults, those of training included.

    Examples
    --------
    >>> settings_of("iterative_svd")["steps"], settings_of("rdmf")["holdout"], "steps" in settings_of("mean")
    (200, 0.05, False)
    """
    parameters = inspect.signature(registry[method]).parameters.values()
    settings = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):  # **training: Unpack[Training]
        shared = inspect.signature(complete_with).parameters
        settings = {name: shared[name].default for name in Training.__annotations__ if name in shared} | settings
    return {name: value for name, value in settings.items() if (method, name) not in WITHOUT_EFFECT}


def is_trained(method: str) -> bool:
    """Tell whether a method trains step by step, with curves, callbacks and stop rules.

    Examples
    --------
    >>> is_trained("air"), is_trained("soft_impute")
    (True, False)
    """
    return "on_block" in settings_of(method)


def can_be_kept(method: str) -> bool:
    """Tell whether a method can keep its work in a folder and go on from there.

    Examples
    --------
    >>> can_be_kept("air"), can_be_kept("patches"), can_be_kept("soft_impute")
    (True, True, False)
    """
    return "checkpoint" in settings_of(method)


def check_options(method: str, given: dict[str, Any]) -> None:
    """Refuse what a person asked for and the method does not take.

    Parameters
    ----------
    method : str
    given : dict
        Names of options to their values; None where none was given.

    Raises
    ------
    ValueError
        Naming the methods that take the option.

    Examples
    --------
    >>> check_options("mean", {"depth": None, "steps": 10})
    Traceback (most recent call last):
        ...
    ValueError: Method mean does not take --steps: leave it out, or use one that does:
    air, dmf, rdmf, dmf_de, gaussian, iterative_svd, soft_impute, glrl, pnmc.
    """
    for name, value in given.items():
        needed = "on_block" if name == "plot" else name  # the curves are those of a training
        if value is not None and needed not in settings_of(method):
            takers = ", ".join(other for other in registry if needed in settings_of(other))
            raise ValueError(f"Method {method} does not take --{name}: leave it out, or use one that does: {takers}.")
