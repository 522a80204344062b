"""The place of a process, as each launcher tells it."""

from __future__ import annotations

import sys
import types

import pytest

from kerasbridge.distribution import clusters, ranks
from kerasbridge.errors import ArgumentError

LAUNCHERS = [
    (
        {
            "KERAS_DISTRIBUTION_PROCESS_ID": "1",
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": "h1:4000,h2:4000",
        },
        (1, 2, "h1:4000", 1, "launch()"),
    ),
    (
        {
            "KERAS_DISTRIBUTION_PROCESS_ID": "2",
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "4",
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": "h1",
            "KERASBRIDGE_LOCAL_RANK": "0",
        },
        (2, 4, "h1:29401", 0, "launch()"),
    ),
    (
        {
            "RANK": "3",
            "WORLD_SIZE": "4",
            "LOCAL_RANK": "1",
            "MASTER_ADDR": "a",
            "MASTER_PORT": "77",
        },
        (3, 4, "a:77", 1, "torchrun"),
    ),
    (
        {
            "SLURM_PROCID": "5",
            "SLURM_STEP_NUM_TASKS": "8",
            "SLURM_LOCALID": "1",
            "SLURM_STEP_NODELIST": "gpu[07-09,12],login",
            "SLURM_JOB_ID": "12003",
        },
        (5, 8, "gpu07:31404", 1, "SLURM"),
    ),
    (
        {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_JOB_NODELIST": "a1,a2"},
        (1, 2, "a1:29401", 1, "SLURM"),
    ),
    # torchrun, which SLURM has started once on each host
    (
        {
            "SLURM_PROCID": "1",
            "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_NODELIST": "gpu[1-2]",
            "RANK": "7",
            "WORLD_SIZE": "8",
            "LOCAL_RANK": "3",
            "MASTER_ADDR": "gpu1",
            "MASTER_PORT": "29500",
        },
        (7, 8, "gpu1:29500", 3, "torchrun"),
    ),
    (
        {
            "OMPI_COMM_WORLD_RANK": "0",
            "OMPI_COMM_WORLD_SIZE": "2",
            "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            "MASTER_ADDR": "host",
        },
        (0, 2, "host:29401", 0, "Open MPI"),
    ),
    ({"PMI_RANK": "1", "PMI_SIZE": "3"}, (1, 3, None, 1, "MPI")),
    (
        {"PMI_RANK": "5", "PMI_SIZE": "6", "MPI_LOCALRANKID": "2", "MASTER_ADDR": "host"},
        (5, 6, "host:29401", 2, "MPI"),
    ),
    (
        {"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "4", "MASTER_ADDR": "job-0.svc"},
        (2, 4, "job-0.svc:29401", 2, "a Kubernetes job"),
    ),
]


@pytest.mark.parametrize(("environment", "place"), LAUNCHERS)
def test_each_launcher_is_understood(environment, place):
    assert ranks.detect(environment) == ranks.Place(*place)


@pytest.mark.parametrize(
    ("environment", "left"),
    [
        ({"TPU_WORKER_ID": "3", "TPU_WORKER_HOSTNAMES": "t0,t1,t2,t3"}, True),
        ({"CLOUD_TPU_TASK_ID": "0"}, True),
        (LAUNCHERS[0][0] | {"TPU_WORKER_ID": "1"}, False),
        (LAUNCHERS[2][0], False),
        ({}, False),
    ],
)
def test_a_cloud_tpu_is_left_to_jax(environment, left):
    assert clusters.left_to_jax(environment) is left


def test_a_tpu_that_jax_has_found_is_left_to_it_unless_a_launcher_says_more(monkeypatch):
    found = types.SimpleNamespace(running_in_cloud_tpu_vm=True)
    monkeypatch.setitem(sys.modules, "jax._src.cloud_tpu_init", found)
    assert clusters.left_to_jax({})
    assert not clusters.left_to_jax({"RANK": "0", "WORLD_SIZE": "2"})
    assert not clusters.left_to_jax({"KERAS_DISTRIBUTION_PROCESS_ID": "0"})
    found.running_in_cloud_tpu_vm = False
    assert not clusters.left_to_jax({})


@pytest.mark.parametrize("environment", [{}, {"RANK": "0"}, {"RANK": "0", "WORLD_SIZE": "1"}])
def test_one_process_has_no_place(environment):
    assert ranks.detect(environment) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "one", "WORLD_SIZE": "2"}, "RANK is not a whole number: 'one'"),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": ""}, "SLURM_STEP_NUM_TASKS is not a whole"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK is 2, but WORLD_SIZE says that there are 2"),
    ],
)
def test_a_place_that_cannot_be_is_refused(environment, message):
    with pytest.raises(ArgumentError, match=message):
        ranks.detect(environment)


def test_arguments_come_before_the_environment():
    environment, _ = LAUNCHERS[2]
    assert ranks.place("b:1", None, None, environment).coordinator == "b:1"
    assert ranks.place("b", 2, 0, environment) == ranks.Place(0, 2, "b:29401", 0, "its arguments")
    with pytest.raises(ArgumentError, match="process_id"):
        ranks.place("b:1", 2, 2, {})
    with pytest.raises(ArgumentError, match="No launcher"):
        ranks.place(None, None, None, {})


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("n1", "n1"), ("n1,n2", "n1"), ("gpu[3-5]", "gpu3"), ("gpu[08,10-12],x", "gpu08")],
)
def test_the_first_of_slurm_s_hosts(nodes, host):
    assert ranks.first_host(nodes) == host


def test_r_counts_processes_from_one():
    place = ranks.Place(0, 2, "h:1", 0, "torchrun")
    assert place.described() == "process 1 of 2, meeting at h:1 (from torchrun)"
