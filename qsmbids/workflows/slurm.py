"""The script that runs a participant a task on a Slurm cluster."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from qsmbids import __version__
from qsmbids.bids.find import find_series
from qsmbids.bids.participants import participants_of
from qsmbids.settings import Settings
from qsmbids.workflows.demand import Demand, measured, predicted

MARK = "# Written by qsmbids"
"""How the script says whose it is."""

_GROUP_MEMORY = "--mem=2G"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What is asked of the cluster.

    Attributes
    ----------
    partition : str
        The cluster's own if it is empty.
    cpus, at_once : int
        Processors of a task, and tasks side by side; 0 is any number.
    memory_gb, time : float, str
        Of a task; 0 and empty are found out.
    sbatch : tuple of str
        Other options of ``sbatch``.
    command : tuple of str
        What runs qsmbids there.
    """

    partition: str = ""
    cpus: int = 2
    at_once: int = 0
    memory_gb: float = 0.0
    time: str = ""
    sbatch: tuple[str, ...] = ()
    command: tuple[str, ...] = ("qsmbids",)


def slurm_script(settings: Settings, cluster: Cluster, options: Sequence[str]) -> str:
    """Return the text of the script.

    Parameters
    ----------
    settings : Settings
        That the options stand for; folders are absolute.
    cluster : Cluster
        What is asked of it.
    options : sequence of str
        Of ``qsmbids BIDS OUT participant``, as the script passes them on.

    Raises
    ------
    InputError
        If nothing is done yet, so that memory cannot be measured, and there is nothing to do.
    """
    known = cluster.memory_gb and cluster.time
    demand = Demand(0.0, None, "as given") if known else _demand(settings, cluster.cpus)
    seconds = slurm_time(demand.seconds) if demand.seconds else ""
    where = [f"--partition={cluster.partition}"] if cluster.partition else []
    where += cluster.sbatch
    memory = slurm_memory(cluster.memory_gb or demand.memory_gb)
    task = [*where, f"--cpus-per-task={cluster.cpus}", f"--mem={memory}"]
    task += [f"--time={limit}" for limit in [cluster.time or seconds] if limit]
    head = f"""\
#!/bin/bash
{MARK} {__version__}. `bash` it: it submits a task for each participant of whom
# something is not done, and the group page for when all have ended; again: exactly what is missing.
# Memory and time: {demand.source}.
set -euo pipefail

bids={shlex.quote(str(settings.bids_dir))}
out={shlex.quote(str(settings.output_dir))}
work={shlex.quote(str(settings.work_dir))}
logs=$out/logs/slurm
qsmbids=({shlex.join(cluster.command)})
options=({shlex.join(options)})
resources=({shlex.join(task)})
group_resources=({shlex.join([*where, _GROUP_MEMORY])})
at_once={f"%{cluster.at_once}" if cluster.at_once else ""}
"""
    return head + files("qsmbids").joinpath("data/slurm/submit.sh").read_text(encoding="utf-8")


def _demand(settings: Settings, processors: int) -> Demand:
    done = participants_of(settings.output_dir)
    known = measured(settings.output_dir, done, processors)
    return known or predicted(find_series(settings).series, settings)


def slurm_memory(gigabytes: float) -> str:
    """Return memory as Slurm takes it.

    >>> slurm_memory(2.34)
    '2400M'
    """
    return f"{100 * math.ceil(10 * gigabytes)}M"


def slurm_time(seconds: float) -> str:
    """Return a time as Slurm takes it, in whole five minutes.

    >>> slurm_time(3700), slurm_time(90_000)
    ('01:05:00', '25:00:00')
    """
    minutes = 5 * math.ceil(seconds / 300)
    return f"{minutes // 60:02}:{minutes % 60:02}:00"
