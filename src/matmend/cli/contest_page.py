"""The page of ``matmend compare --report``."""

from matmend.cli.arena import Arena, RatingsArena
from matmend.cli.pages import command_of
from matmend.methods import Score
from matmend.report import Report


def page_of_contest(arena: Arena | RatingsArena, scores: list[Score]) -> Report:
    """Make the report of a comparison."""
    request = arena.request
    options = {
        "--as": request.kind, "--mask": request.mask, "--missing": request.missing, "--methods": request.methods,
        "--truth": request.truth, "--seed": request.seed, "--steps": request.steps, "--holdout": request.holdout,
        "--repeats": request.repeats, "--device": request.device,
    }  # fmt: skip
    is_list = isinstance(arena, RatingsArena)
    return Report.of_comparison(
        scores, arena.ratings if is_list else arena.data.values, None if is_list else arena.data.seen,
        title=request.data.name, kind="picture" if arena.is_picture else "table", measure=arena.measure,
        left_out=arena.left_out, num_bytes=request.data.stat().st_size if request.data.is_file() else None,
        command=command_of(["compare", request.data], options), seed=request.seed,
    )  # fmt: skip
