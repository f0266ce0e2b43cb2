"""A real Slurm of one node on this machine, for tests: Debian's packages, no systemd, no cgroups.

    python tests/helpers/one_node.py        up until Ctrl-C, to try things by hand

It listens on 127.0.0.1 only, has its own munge key and socket, keeps all it writes in one folder,
and is taken down by the process ids of its own daemons. Only `/etc/slurm/slurm.conf`, a link while
it is up, lies elsewhere: jobs find their Slurm by it (Snakemake's job steps drop `SLURM_CONF`).
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "scripts")]

from helpers.lasting import Lasting

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "scripts")]

from helpers.strict import INSTALL

CONFIGURATION = Path("/etc/slurm/slurm.conf")
LOCK = Path(tempfile.gettempdir()) / "pagewave-test-slurm.lock"
PARTITION = "debug"
CPUS = 8
"""What the node says it has, whatever the machine has: jobs of tests mostly wait."""
MEMORY_MB = 8000
START_SECONDS = 300.0

SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/d
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# Memory is looked at every second; a job above its limit is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# Jobs that ended stay visible to tests.
MinJobAge=3600
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 NodeHostname={host} CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=120 DefaultTime=10 State=UP
"""


class Unavailable(Exception):
    """Why there can be no Slurm here."""


class OneNode(Lasting):
    """The cluster, from `with` to its end; one at a time on a machine, others wait.

    Jobs find the folder `hidden` empty, as on a machine that does not share it.

    Raises:
        Unavailable: it can't be had here; says why.
    """

    def __init__(self, folder: Path, hidden: Path | None = None) -> None:
        self.folder = folder
        self.hidden = hidden or folder / "hidden"
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Starts it, once no other is up."""
        check()
        self._lock = LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    # What tests ask and do

    def jobs(self) -> list[dict[str, str]]:
        """All jobs since the start, oldest first, as `scontrol show job` tells of them."""
        shown = slurm("scontrol", "--oneliner", "show", "job", check=False)
        lines = [line for line in shown.splitlines() if line.startswith("JobId=")]
        jobs = [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def stop_starting(self) -> None:
        """From now on jobs queue."""
        slurm("scontrol", "update", f"PartitionName={PARTITION}", "State=DOWN")

    def go_on_starting(self) -> None:
        """Jobs that queue may start."""
        slurm("scontrol", "update", f"PartitionName={PARTITION}", "State=UP")

    # Up and down

    def _start(self) -> None:
        if CONFIGURATION.is_symlink():  # we have the lock: what made the link was killed
            self._cancel_all()
            end_daemons(CONFIGURATION.readlink().parent)
            CONFIGURATION.unlink()
        if CONFIGURATION.exists():
            raise Unavailable(f"{CONFIGURATION} is there: this machine has a Slurm of its own")
        for name in ("ctld", "d", "hidden"):
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        values = {"folder": self.folder, "host": socket.gethostname().partition(".")[0]}
        values |= {"ports": free_ports(2), "cpus": CPUS, "memory": MEMORY_MB}
        configuration = self.folder / "slurm.conf"
        configuration.write_text(SLURM_CONF.format(partition=PARTITION, **values))
        # Slurm 22.05 wants one of its cgroup plugins; this one does nothing unless another asks it.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.symlink_to(configuration)
        self._daemon(
            *("munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket"),
            *(f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log"),
            *(f"--seed-file={self.folder}/munged.seed", "--num-threads=2"),
        )
        self._daemon("slurmctld", "-f", str(configuration))
        # Jobs live in the mount namespace of the daemon that starts them.
        hide = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"')
        self._daemon(*hide, str(self.hidden), "slurmd", "-f", str(configuration))
        deadline = time.monotonic() + START_SECONDS
        while slurm("sinfo", "--noheader", "--format=%t", check=False).strip() != "idle":
            if time.monotonic() > deadline:
                raise Unavailable(f"Slurm did not come up:\n{self._logs()}")
            time.sleep(0.1)

    def _daemon(self, *command: str) -> None:
        result = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
        if result.returncode:
            raise Unavailable(f"{command[0]}: {result.stderr.strip()}\n{self._logs()}")

    def _logs(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-1000:]}" for log in logs)

    def _cancel_all(self) -> None:
        if ids := [job["JobId"] for job in self.jobs() if is_living(job)]:
            slurm("scancel", *ids, check=False)
            deadline = time.monotonic() + START_SECONDS
            while any(map(is_living, self.jobs())) and time.monotonic() < deadline:
                time.sleep(0.1)

    def close(self) -> None:
        """Cancels all jobs, and ends the daemons."""
        self._cancel_all()
        end_daemons(self.folder)
        if CONFIGURATION.is_symlink() and CONFIGURATION.readlink().parent == self.folder:
            CONFIGURATION.unlink()
        if self._lock:
            self._lock.close()


def check() -> None:
    """Raises Unavailable, with what to do, where there is no Slurm to start."""
    if os.geteuid() != 0:
        raise Unavailable("a Slurm for tests needs root: its daemons run jobs for all users")
    if not all(shutil.which(name) for name in ("slurmctld", "slurmd", "scontrol", "munged")):
        raise Unavailable(f"needs slurm: {INSTALL}")


def slurm(*command: str, check: bool = True) -> str:
    """What one of Slurm's commands prints."""
    result = subprocess.run(
        command, capture_output=True, text=True, check=check, timeout=START_SECONDS
    )
    return result.stdout


def is_living(job: dict[str, str]) -> bool:
    """Is a job queued, running or about to end?"""
    return job["JobState"] in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def end_daemons(folder: Path) -> None:
    """Ends the daemons of the cluster in this folder, and waits until they have ended."""
    for name in ("slurmd", "slurmctld", "munged"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            number = int((folder / f"{name}.pid").read_text())
            if str(folder).encode() not in Path(f"/proc/{number}/cmdline").read_bytes():
                continue  # the number is somebody else's by now
            os.kill(number, signal.SIGTERM)
            for _ in range(100):
                os.kill(number, 0)
                time.sleep(0.1)
            os.kill(number, signal.SIGKILL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, OneNode(Path(name)):
        print(slurm("sinfo"), f"It is up until Ctrl-C; its files are in {name}.", sep="")
        signal.sigwait([signal.SIGINT, signal.SIGTERM])
