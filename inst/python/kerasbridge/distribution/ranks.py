"""Which process of how many this is, read from the environment that its launcher set.

Nothing here starts a framework or a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kerasbridge.errors import ArgumentError

#: Where the processes meet when a launcher names the host alone.
PORT: Final = 29401


@dataclass(frozen=True)
class Place:
    """The place of a process among all that compute together.

    `rank` counts from 0, as the frameworks do; `coordinator` is the ``host:port`` at which the
    processes meet, ``None`` where the framework finds it by itself; `local_rank` is the number
    among the processes of one host.
    """

    rank: int
    processes: int
    coordinator: str | None
    local_rank: int
    found: str

    def described(self) -> str:
        """For R, whose processes count from 1."""
        where = f", meeting at {self.coordinator}" if self.coordinator else ""
        return f"process {self.rank + 1} of {self.processes}{where} (from {self.found})"


@dataclass(frozen=True)
class Launcher:
    """The variables by which a launcher tells a process its place."""

    name: str
    rank: str
    processes: str
    local_rank: str | None = None


_LAUNCHERS: Final = (
    Launcher(
        "launch()",
        "KERAS_DISTRIBUTION_PROCESS_ID",
        "KERAS_DISTRIBUTION_NUM_PROCESSES",
        "KERASBRIDGE_LOCAL_RANK",
    ),
    Launcher("torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"),
    Launcher("SLURM", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    Launcher(
        "Open MPI",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
    ),
    Launcher("MPI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    Launcher("a Kubernetes job", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
)

#: The variable that says that the framework is joined as soon as it is imported.
AUTOMATIC: Final = "KERASBRIDGE_LAUNCHED"


def detect(environment: Mapping[str, str]) -> Place | None:
    """The place that a launcher gave this process; ``None`` when there is no launcher, or one
    process alone."""
    for launcher in _LAUNCHERS:
        if launcher.rank in environment and launcher.processes in environment:
            processes = _whole(environment, launcher.processes)
            rank = _whole(environment, launcher.rank)
            if processes < 2:
                return None
            if rank >= processes:
                raise ArgumentError(
                    f"{launcher.rank} is {rank}, but {launcher.processes} says that there are "
                    f"{processes} processes, numbered from 0."
                )
            local = launcher.local_rank
            local_rank = _whole(environment, local) if local and local in environment else rank
            return Place(rank, processes, _coordinator(environment), local_rank, launcher.name)
    return None


def place(addresses: Any, processes: Any, rank: Any, environment: Mapping[str, str]) -> Place:
    """The place that was given, completed from the environment."""
    found = detect(environment)
    if processes is None and rank is None and found is not None:
        coordinator = _first(addresses) if addresses else found.coordinator
        return Place(found.rank, found.processes, coordinator, found.local_rank, found.found)
    if processes is None or rank is None:
        raise ArgumentError(
            "No launcher has told this process its place. Start the script with launch(), srun, "
            "torchrun or mpirun, or give `job_addresses`, `num_processes` and `process_id`."
        )
    if not 0 <= rank < processes:
        raise ArgumentError(
            f"`process_id` must be from 0 to {processes - 1}, below `num_processes`, not {rank}."
        )
    coordinator = _first(addresses) if addresses else _coordinator(environment)
    return Place(rank, processes, coordinator, rank, "its arguments")


def _whole(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not re.fullmatch(r"\d+", text.strip()):
        raise ArgumentError(f"The environment variable {name} is not a whole number: {text!r}.")
    return int(text)


def _coordinator(environment: Mapping[str, str]) -> str | None:
    addresses = environment.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    if addresses:
        return _first(addresses)
    if "MASTER_ADDR" in environment:
        return f"{environment['MASTER_ADDR']}:{environment.get('MASTER_PORT', PORT)}"
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    if nodes and "SLURM_PROCID" in environment:
        # a port of the job's own, since two jobs may share a host
        port = PORT + int(re.sub(r"\D", "", environment.get("SLURM_JOB_ID", "0")) or 0) % 10_000
        return f"{first_host(nodes)}:{port}"
    return None


def _first(addresses: str) -> str:
    address = str(addresses).split(",")[0].strip()
    return address if ":" in address else f"{address}:{PORT}"


def first_host(nodes: str) -> str:
    """The first host of a list as SLURM writes it: ``gpu[07-09,12],login`` begins with gpu07."""
    match = re.match(r"([^,\[]+)(?:\[([^\]]+)\])?", nodes)
    if match is None:
        raise ArgumentError(f"{nodes!r} is no list of hosts.")
    prefix, numbers = match.groups()
    return prefix + (re.split("[,-]", numbers)[0] if numbers else "")
