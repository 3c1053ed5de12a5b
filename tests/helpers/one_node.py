"""A real SLURM of one node, for tests: it lives in one folder, and needs neither systemd nor cgroups.

It is started by any user, from the Debian packages slurmctld, slurmd, slurm-client and munge. It has no accounting, and
pretends to have two GPUs. Run this file to have one to try things on::

    python tests/helpers/one_node.py FOLDER
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
"""What has to be installed."""

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"

PROCESSORS = 4
"""Number of processors that the node claims to have, so that jobs run at once on small machines too."""

_CONFIG = """\
ClusterName=wee
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A requeued job waits for its old credential to expire.
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
EnforcePartLimits=ALL
MinJobAge=3600
KillWait=5
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=4000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=600 DefMemPerCPU=100 PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes={host} MaxTime=600 DefMemPerCPU=100 PriorityTier=10 PreemptMode=OFF
"""


def missing_programs() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster inside the `with` block.

    Args:
        folder: everything that the cluster writes lies here.

    Yields:
        The environment variables with which SLURM's commands find the cluster.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    host = socket.gethostname().split(".")[0]
    controller_port, node_port = _free_ports(2)
    parts = {"host": host, "user": getpass.getuser(), "folder": folder, "processors": PROCESSORS}
    config = folder / "slurm.conf"
    config.write_text(_CONFIG.format(**parts, controller_port=controller_port, node_port=node_port))
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(1024))
    environment = {**os.environ, "PATH": PLACES, "SLURM_CONF": str(config)}
    daemons: list[subprocess.Popen[bytes]] = []
    socket_file = folder / "munge.sock"
    try:
        munge = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket_file}"]
        munge += [f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed"]
        daemons.append(_start(munge, folder, environment))
        _until(lambda: socket_file.exists(), "munged does not answer", daemons, folder)
        daemons.append(_start(["slurmctld", "-D", "-i", "-f", str(config)], folder, environment))
        daemons.append(_start(["slurmd", "-D", "-N", host, "-f", str(config)], folder, environment))
        idle = ["sinfo", "--noheader", "--partition=main", "--format=%T"]
        _until(lambda: _output(idle, environment).strip() == "idle", "the node is not idle", daemons, folder)
        yield {name: environment[name] for name in ("PATH", "SLURM_CONF")}
        _output(["scancel", f"--user={getpass.getuser()}", "--full"], environment)
        queue = ["squeue", "--noheader"]
        _until(lambda: not _output(queue, environment).strip(), "jobs do not end", daemons, folder, seconds=30)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    program = shutil.which(command[0], path=PLACES)
    assert program is not None
    with (folder / f"{command[0]}.out").open("ab") as output:
        return subprocess.Popen(
            [program, *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _output(command: list[str], environment: dict[str, str]) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False).stdout
    return ""


def _until(
    ready: object, problem: str, daemons: list[subprocess.Popen[bytes]], folder: Path, seconds: float = 60
) -> None:
    """Wait until a condition holds."""
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready():
        dead = [str(daemon.args) for daemon in daemons if daemon.poll() is not None]
        if dead or time.monotonic() > end:
            logs = [
                f"{file}:\n{file.read_text()[-1500:]}"
                for suffix in ("out", "log")
                for file in folder.glob(f"*.{suffix}")
            ]
            raise RuntimeError("\n".join([problem, *dead, *logs]))
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that no program uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    with one_node(Path(sys.argv[1]).resolve()) as variables:
        sys.stdout.write("".join(f"export {name}={value}\n" for name, value in variables.items()))
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            signal.pause()
