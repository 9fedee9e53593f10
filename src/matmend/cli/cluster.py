"""How many devices and processes a command runs on; JAX joins them, whoever started them."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from matmend.solve import ending_together

HEARTBEAT_SECONDS = 40
"""Processes that lose one of them end within a minute."""
HINT = "With --checkpoint, matmend resume goes on from what was saved, started in the same way."
OURS = ("MATMEND_COORDINATOR", "MATMEND_PROCESSES", "MATMEND_PROCESS")
"""Address and port of process 0 as the others see it, how many there are, and which one this is, from 0."""
LAUNCHERS = {
    "SLURM": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    "Open MPI": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    "MPI": ("PMI_SIZE", "PMI_RANK"),
}
"""Variables in which launchers say how many processes they started and which one this is."""


@dataclass(frozen=True)
class Place:
    """Which of several processes this is.

    Parameters
    ----------
    process, num_processes : int
    """

    process: int = 0
    num_processes: int = 1

    @property
    def is_first(self) -> bool:
        """True in the one process that prints and writes."""
        return self.process == 0

    @property
    def is_alone(self) -> bool:
        """True if there is no other."""
        return self.num_processes == 1

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Leave the block in all processes or, if it raises ValueError in one, in none; that one alone says why."""
        if self.is_alone:
            yield
            return
        failure: ValueError | OSError | None = None
        try:
            yield
        except (ValueError, OSError) as error:
            failure = error
        failed = np.ravel(multihost_utils.process_allgather(np.asarray(failure is not None)))
        if failure is not None and not failed[: self.process].any():
            raise failure
        if failed.any():
            raise SystemExit(2)


def launched(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """Read off the environment what ``jax.distributed.initialize`` is to be told; None for a process of its own.

    Raises
    ------
    ValueError
        If our variables are not all there or make no sense.

    Examples
    --------
    >>> launched({"MATMEND_COORDINATOR": "node1:4242", "MATMEND_PROCESSES": "2", "MATMEND_PROCESS": "1"})
    {'coordinator_address': 'node1:4242', 'num_processes': 2, 'process_id': 1}
    >>> launched({"MATMEND_COORDINATOR": "node1:4242", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "5"})
    {'coordinator_address': 'node1:4242', 'num_processes': 8, 'process_id': 5}
    >>> launched({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"})  # JAX asks SLURM
    {}
    """
    count, index = _counted(environment)
    coordinator = environment.get(OURS[0])
    is_told = any(name in environment for name in OURS)
    if count is None or index is None:
        if is_told:
            raise ValueError(f"Several processes need {', '.join(OURS)}, all three of them: not all are set.")
        return None
    if not 0 <= index < count:
        raise ValueError(f"There are {count} processes, numbered from 0, but this one is said to be number {index}.")
    if coordinator is not None:
        address, _, port = coordinator.rpartition(":")
        if not (address and port.isdecimal()):
            raise ValueError(f"{OURS[0]} must be ADDRESS:PORT of process 0, got {coordinator}.")
        return {"coordinator_address": coordinator, "num_processes": count, "process_id": index}
    if count == 1 and not is_told:
        return None
    is_slurm = LAUNCHERS["SLURM"][0] in environment
    if is_told or not (is_slurm or "OMPI_MCA_orte_hnp_uri" in environment):
        raise ValueError(
            f"{count} processes were started, but where the first one listens is not known: set {OURS[0]} to "
            "ADDRESS:PORT in all of them."
        )
    return {}


@contextlib.contextmanager
def joined(*, num_devices: int | None) -> Iterator[Place]:
    """Join the processes that were started together, if there are several, for as long as the block runs.

    Nothing may have been computed by JAX before.

    Parameters
    ----------
    num_devices : int, optional
        Devices that a process makes of its processor, where there is no other; None: one for each core.

    Raises
    ------
    ValueError
        If the environment makes no sense, or the others do not answer.
    """
    told = launched(os.environ)
    with contextlib.suppress(RuntimeError):  # devices are there already, as in a notebook: they will do
        jax.config.update("jax_num_cpu_devices", num_devices or num_cores())
        if (devices := num_devices or num_cores()) > 1:
            # With hardly more threads than devices, those that wait for one another leave none to work: now and then
            # a run stands still for ever. And a device is one core: threads of its own cost more than they give.
            os.environ.setdefault("NPROC", str(4 * devices))
            os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false {os.environ.get('XLA_FLAGS', '')}".strip()
    if told is None:
        yield Place()
        return
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from our checkpoints
    try:
        jax.distributed.initialize(
            **told, initialization_timeout=120, heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )  # fmt: skip
    except RuntimeError as error:
        raise ValueError(
            f"The processes did not find each other ({' '.join(str(error).split())[:200]}): are all of them running, "
            f"and can they reach {OURS[0]}?"
        ) from error
    with _chatter_on_stderr():
        place = Place(jax.process_index(), jax.process_count())
        try:
            with ending_together(HINT):
                yield place
        finally:
            part()


@contextlib.contextmanager
def _chatter_on_stderr() -> Iterator[None]:
    """Send to standard error what the libraries that join processes print on standard output, where reports belong."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def part() -> None:
    """Let the other processes go: what is left to do is done by the first one alone."""
    if jax.distributed.is_initialized():
        jax.distributed.shutdown()


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mesh_of(devices: str, device: str, place: Place) -> jax.sharding.Mesh | None:
    """Build the mesh on which the entries are dealt out; None for one device.

    Parameters
    ----------
    devices : str
        ``all``, or how many of each process.
    device : {"auto", "cpu", "gpu"}
    place : Place

    Raises
    ------
    ValueError
        If there are not so many.

    Examples
    --------
    >>> mesh_of("1", "cpu", Place()) is None
    True
    """
    found = local_devices(device)
    wanted = len(found) if devices == "all" else number_of(devices) or 1
    if wanted > len(found):
        raise ValueError(f"{wanted} devices are asked for, but there are {len(found)}: use --devices all.")
    if place.is_alone and wanted == 1:
        return None
    every = [d for d in jax.devices(found[0].platform) if _rank_at_home(d) < wanted]
    return jax.make_mesh((len(every),), ("devices",), axis_types=(jax.sharding.AxisType.Auto,), devices=every)


def local_devices(device: str) -> list[Any]:
    """Return the devices of this process of a kind; a ValueError says if there are none."""
    try:
        return jax.local_devices() if device == "auto" else jax.local_devices(backend=device)
    except RuntimeError as error:
        raise ValueError(
            f"No {device} that JAX can use was found. Install matmend[cuda] for NVIDIA cards, or use --device cpu."
        ) from error


def number_of(devices: str) -> int | None:
    """Read what ``--devices`` was given; None means all.

    Examples
    --------
    >>> number_of("all"), number_of("4")
    (None, 4)
    """
    if devices == "all":
        return None
    if not devices.isdecimal() or int(devices) < 1:
        raise ValueError(f"--devices takes all or a whole number from 1, got {devices}.")
    return int(devices)


def is_first() -> bool:
    """Tell, before processes are joined, whether this is the one that prints and writes."""
    return not _counted(os.environ)[1]


def _counted(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return how many processes were started and which one this is, None if nobody says."""
    for names in (OURS[1:], *LAUNCHERS.values()):
        if all(name in environment for name in names):
            return _whole(environment, names[0]), _whole(environment, names[1])
    return None, None


def _rank_at_home(device: Any) -> int:
    """Count the devices of its process before it."""
    mates = [d for d in jax.devices(device.platform) if d.process_index == device.process_index]
    return sorted(mate.id for mate in mates).index(device.id)


def _whole(environment: Mapping[str, str], name: str) -> int:
    if not environment[name].isdecimal():
        raise ValueError(f"{name} must be a whole number, got {environment[name]}.")
    return int(environment[name])
