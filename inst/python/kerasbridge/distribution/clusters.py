"""Joining the processes of one computation, by what each framework has for it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from kerasbridge import backends
from kerasbridge.distribution import ranks
from kerasbridge.errors import ArgumentError

#: Variables by which JAX itself finds its place on a Cloud TPU.
_TPU: Final = frozenset({"TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES", "CLOUD_TPU_TASK_ID"})

#: Seconds after which a process that waits for the others gives up.
_PATIENCE: Final = 300

#: Seconds without a sign of life after which JAX takes a process for lost; its own are 100.
_HEARTBEAT: Final = 20

_joined: list[ranks.Place] = []


def current() -> ranks.Place | None:
    """The place of this process among those that it has joined; ``None`` when it is alone."""
    return _joined[-1] if _joined else None


def meet() -> None:
    """Wait until all processes have come here, where there are several."""
    if not _joined:
        return
    if backends.loaded() == "jax":
        importlib.import_module("jax.experimental.multihost_utils").sync_global_devices("meet")
    else:
        importlib.import_module("torch").distributed.barrier()


def one_process(backend: str) -> str:
    """Why several processes do not train together on `backend`, and what does it."""
    several = (
        " Several devices of one process work on TensorFlow through "
        "`with(tf$distribute$MirroredStrategy()$scope(), ...)`."
    )
    return (
        f"Keras trains in one process alone on the {backend} backend. Several processes work on "
        'JAX and PyTorch: use_backend("jax") or use_backend("torch").'
        + (several if backend == "tensorflow" else "")
    )


def initialize(job_addresses: Any = None, num_processes: Any = None, process_id: Any = None) -> Any:
    """Join the other processes; tells R what was found. Joining the same ones twice is no error."""
    backend = str(importlib.import_module("keras").config.backend())
    if backend not in _JOIN:
        raise ArgumentError(one_process(backend))
    found: ranks.Place | None = None
    given = (job_addresses, num_processes, process_id)
    told = any(value is not None for value in given)
    if told or backend != "jax" or not left_to_jax(os.environ):
        found = ranks.place(job_addresses, num_processes, process_id, os.environ)
    if _joined:
        if found is not None and found != _joined[-1]:
            raise ArgumentError(f"This process is {_joined[-1].described()} already.")
        return _joined[-1].described()
    joined = _JOIN[backend](found)
    _joined.append(joined)
    return joined.described()


def left_to_jax(environment: Mapping[str, str]) -> bool:
    """Does JAX find its place itself, as on a Cloud TPU where no variable of Keras's says it?"""
    if "KERAS_DISTRIBUTION_PROCESS_ID" in environment:
        return False
    return bool(_TPU & set(environment)) or (ranks.detect(environment) is None and _on_cloud_tpu())


def _on_cloud_tpu() -> bool:
    """Has JAX found a TPU of this machine? It asks the machine's metadata for its place then."""
    found = sys.modules.get("jax._src.cloud_tpu_init")
    return bool(getattr(found, "running_in_cloud_tpu_vm", False))


def join_when_launched() -> None:
    """What a process does as soon as Keras is there, when launch() has started it with others."""
    launched = ranks.AUTOMATIC in os.environ and ranks.detect(os.environ) is not None
    if launched and backends.loaded() in _JOIN:
        initialize()


def _join_jax(place: ranks.Place | None) -> ranks.Place:
    jax = importlib.import_module("jax")
    distribution = importlib.import_module("keras").distribution
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if place is None:
        distribution.initialize()
        return ranks.Place(
            jax.process_index(), jax.process_count(), None, jax.process_index(), "JAX"
        )
    _check_coordinator(place)
    try:
        jax.distributed.initialize(
            place.coordinator, place.processes, place.rank, heartbeat_timeout_seconds=_HEARTBEAT
        )
    except RuntimeError as error:
        if "must be called before" in str(error):
            raise ArgumentError(
                "JAX has computed something in this session already: join the other processes "
                "first, right after use_backend()."
            ) from error
        raise
    # what Keras's own function does beside that, which does not tell JAX how long to wait
    importlib.import_module("keras.src.backend.jax.distribution_lib").initialize_rng()
    return place


def _join_torch(place: ranks.Place | None) -> ranks.Place:
    assert place is not None
    _check_coordinator(place)
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        torch.cuda.set_device(place.local_rank % torch.cuda.device_count())
    torch.distributed.init_process_group(
        "nccl" if torch.cuda.is_available() else "gloo",
        init_method=f"tcp://{place.coordinator}",
        rank=place.rank,
        world_size=place.processes,
        timeout=timedelta(seconds=_PATIENCE),
    )
    _share_seed(torch)
    return place


def _share_seed(torch: Any) -> None:
    """The first process's seed for all of them, where none was set: weights begin alike."""
    if importlib.import_module("keras.src.utils.rng_utils").get_random_seed() is None:
        seed = torch.randint(0, 2**31 - 1, (1,))
        torch.distributed.broadcast(seed, 0)
        importlib.import_module("keras").utils.set_random_seed(int(seed))


def _check_coordinator(place: ranks.Place) -> None:
    if place.coordinator is None:
        raise ArgumentError(
            f"{place.found} tells this process its number, not where the processes meet: give "
            '`job_addresses`, such as "host1:29401", the address of the first one.'
        )


_JOIN: Final[Mapping[str, Any]] = {"jax": _join_jax, "torch": _join_torch}
