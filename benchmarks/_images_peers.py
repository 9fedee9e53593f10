"""Fill one picture with one peer, in the interpreter that has the peers: they are no dependencies of matmend.

``PYTHON benchmarks/_images_peers.py METHOD IN.npz OUT --threads N`` reads ``picture`` (float32 (h, w, c) in [0, 1], 0
where missing) and ``observed`` (h, w), fills, and writes ``OUT.npz`` (the picture) and ``OUT.json`` (seconds, peak
memory). NumPy and the standard library are all it needs besides the peer.

A peer gets the picture as its users give it: PyInpaint and OpenCV's frequency-selective reconstruction 8 bits, OpenCV's
others 16, the rest floating point. A method without
colour gets the channels one by one. Before the call that is timed there is one on a corner of 32 x 32 pixels, so that
imports do not count.
"""

import argparse
import importlib.metadata
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Method = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, str]]
"""Of picture (h, w, c) and observed (h, w): the filled picture and a remark."""


def biharmonic(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
    """Solve the biharmonic equation in the gaps (scikit-image)."""
    from skimage.restoration import inpaint_biharmonic

    return inpaint_biharmonic(picture, ~observed, channel_axis=-1), ""


def opencv(algorithm: str, radius: float = 3) -> Method:
    """Make a method of ``cv2.inpaint``, in 16 bits: with 8 its roundings add up on the way into the gaps."""

    def method(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
        import cv2

        levels = np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
        missing, flag = (~observed).astype(np.uint8), getattr(cv2, algorithm)
        channels = [np.ascontiguousarray(levels[..., k]) for k in range(levels.shape[2])]
        found = np.stack([cv2.inpaint(channel, missing, radius, flag) for channel in channels], axis=2)
        return found / 65535, ""

    return method


def xphoto(algorithm: str) -> Method:
    """Make a method of ``cv2.xphoto.inpaint``, whose mask is the other way round; whole blocks of 16 pixels."""

    def method(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
        import cv2

        h, w, _ = picture.shape
        margins = ((0, -h % 16), (0, -w % 16))
        image = np.pad(picture, (*margins, (0, 0)), mode="symmetric")
        mask = np.pad(observed, margins, mode="symmetric").astype(np.uint8) * 255
        source = _bytes(image)
        target = source.copy()
        cv2.xphoto.inpaint(source, mask, target, getattr(cv2.xphoto, algorithm))
        return _unit(target, image.shape)[:h, :w], ""

    return method


def griddata(kind: str) -> Method:
    """Make a method of SciPy's interpolation on the Delaunay triangulation, nearest values outside of the hull."""

    def method(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
        from scipy.interpolate import griddata as interpolate

        filled, known, places = picture.copy(), np.argwhere(observed), np.argwhere(~observed)
        values = interpolate(known, picture[observed], places, method=kind)
        beyond = ~np.isfinite(values).all(axis=-1)
        values[beyond] = interpolate(known, picture[observed], places[beyond], method="nearest")
        filled[~observed] = values
        return filled, ""

    return method


def pyinpaint(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
    """Average the middles of like patches from the border inward (PyInpaint, patch size 7, its defaults)."""
    from PIL import Image
    from pyinpaint import Inpaint

    known = _bytes(picture)[observed]
    low, high = float(known.min()) / 255, float(known.max()) / 255
    with tempfile.TemporaryDirectory() as folder:
        # Gaps get a value within the range of the rest: it scales by least and greatest, missing or not.
        mask = observed[..., None] if picture.shape[2] == 3 else observed
        image = np.where(mask, _rgb_bytes(picture), np.uint8(known.min()))
        Image.fromarray(image).save(f"{folder}/picture.png")
        Image.fromarray(observed.astype(np.uint8) * 255).save(f"{folder}/mask.png")
        found = Inpaint(f"{folder}/picture.png", f"{folder}/mask.png", 7)()
    filled = (np.asarray(found) * 1.01 - 0.01) * (high - low) + low  # undo its scaling
    return filled.reshape(picture.shape), ""


def scico(make: Callable[..., tuple[Any, Any]], rho: float, iterations: int) -> Method:
    """Make a method of SCICO's ADMM: half the squared misfit at observed pixels, and a functional; from biharmonic."""

    def method(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
        import jax
        import jax.numpy as jnp
        from scico import linop, loss
        from scico.optimize.admm import ADMM, LinearSubproblemSolver

        jax.config.update("jax_enable_x64", False)
        start = np.asarray(biharmonic(picture, observed)[0], np.float32)
        parts = [slice(None)] if make is pnp_bm3d and picture.shape[2] == 3 else range(picture.shape[2])
        filled = np.empty_like(picture)
        for part in parts:
            y, x0 = jnp.asarray(picture[..., part]), jnp.asarray(start[..., part])
            mask = jnp.asarray(np.broadcast_to(observed[..., None] if y.ndim == 3 else observed, y.shape), y.dtype)
            functional, operator = make(y.shape)
            solver = ADMM(
                f=loss.SquaredL2Loss(y=y, A=linop.Diagonal(mask)),
                g_list=[functional],
                C_list=[operator],
                rho_list=[rho],
                x0=x0,
                maxiter=iterations,
                subproblem_solver=LinearSubproblemSolver(cg_kwargs={"tol": 1e-3, "maxiter": 100}),
            )
            filled[..., part] = np.asarray(solver.solve())
        return np.where(observed[..., None], picture, filled), ""

    return method


def pnp_bm3d(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return BM3D in place of a proximal operator, as in SCICO's example of demosaicing."""
    from scico import functional, linop

    return BM3D_WEIGHT * functional.BM3D(is_rgb=len(shape) == 3), linop.Identity(input_shape=shape)


def total_variation(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return isotropic total variation."""
    from scico import functional, linop

    return TV_WEIGHT * functional.L21Norm(), linop.FiniteDifference(input_shape=shape, append=0)


RHO, TV_WEIGHT = 0.18, 0.01
BM3D_WEIGHT = 0.18 * 6.1e-2

METHODS: dict[str, Method] = {
    "scikit-image biharmonic": biharmonic,
    "OpenCV Navier-Stokes": opencv("INPAINT_NS"),
    "OpenCV Telea": opencv("INPAINT_TELEA"),
    "OpenCV FSR fast": xphoto("INPAINT_FSR_FAST"),
    "OpenCV FSR best": xphoto("INPAINT_FSR_BEST"),
    "OpenCV shift-map": xphoto("INPAINT_SHIFTMAP"),
    "SciPy linear": griddata("linear"),
    "SciPy cubic": griddata("cubic"),
    "PyInpaint": pyinpaint,
    "SCICO total variation": scico(total_variation, rho=0.2, iterations=200),
    "SCICO plug-and-play BM3D": scico(pnp_bm3d, rho=RHO, iterations=12),
}


def corner(method: Method, picture: np.ndarray, observed: np.ndarray) -> None:
    """Call a method on a few pixels, so that everything is imported."""
    h, w = (min(32, size) for size in observed.shape)
    mask = observed[:h, :w].copy()
    mask[h // 2, w // 2] = False
    mask[0] = True
    method(np.where(mask[..., None], picture[:h, :w], np.float32(0)), mask)


def whole(method: Method, picture: np.ndarray, observed: np.ndarray) -> None:
    """Call a method on the same picture, so that everything is compiled."""
    method(picture, observed)


def work(methods: dict[str, Method], packages: tuple[str, ...], warm: Callable[..., None] = corner) -> None:
    """Read the job from the command line, do it, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method", choices=list(methods))
    parser.add_argument("job", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: arguments.threads]))
    with np.load(arguments.job) as file:
        picture, observed = file["picture"], file["observed"]
    method, seconds = methods[arguments.method], []
    start = time.perf_counter()
    warm(method, picture, observed)
    seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    found, remark = method(picture, observed)
    seconds.append(time.perf_counter() - start)
    np.savez(arguments.out.with_suffix(".npz"), picture=np.asarray(found, np.float32).reshape(picture.shape))
    report = {
        "first_seconds": seconds[0],
        "seconds": seconds[1],
        "processor_seconds": time.process_time(),  # of all threads, imports and first call included
        "peak_mb": peak_mb(),
        "remark": remark,
        "versions": {name: importlib.metadata.version(name) for name in packages if _is_there(name)},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(report), encoding="utf-8")


def peak_mb() -> float:
    """Return the peak of resident memory; Linux's ru_maxrss would count the process that started this one."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _rgb_bytes(picture: np.ndarray) -> np.ndarray:
    """Round to 8 bits: (h, w) or (h, w, 3)."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).squeeze(axis=2 if picture.shape[2] == 1 else ())


def _bytes(picture: np.ndarray) -> np.ndarray:
    """Round to 8 bits as OpenCV wants them, blue first."""
    return np.ascontiguousarray(_rgb_bytes(picture) if picture.shape[2] == 1 else _rgb_bytes(picture)[..., ::-1])


def _unit(levels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    colors = levels if levels.ndim == 2 else levels[..., ::-1]
    return (colors.astype(np.float32) / np.float32(255)).reshape(shape)


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    used = ("opencv-contrib-python-headless", "scikit-image", "scipy", "pyinpaint", "scico", "bm3d", "jax", "numpy")
    work(METHODS, used)
