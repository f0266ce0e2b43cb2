"""Where the ledger lies: SQLite's WAL needs memory that all processes share, hence a local disk."""

import re
from pathlib import Path

from pagewave.errors import LedgerError

MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, on Linux (man 5 proc_pid_mountinfo)."""

NETWORK_TYPES = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs"),
        *("lustre", "gpfs", "beegfs", "panfs", "orangefs", "pvfs2", "wekafs", "ocfs2", "gfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.juicefs"),
        *("fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs2", "davfs"),
    )
)
"""File systems that more than one computer may write to at the same time."""


def refuse_network(folder: Path) -> None:
    """Make sure that the ledger's folder is on a local disk.

    Raises:
        LedgerError: it is on a network file system.
    """
    if found := network_type(folder):
        raise LedgerError(
            f"{folder} is on a network file system ({found}), where SQLite may damage the ledger. "
            "Set paths.state_dir to a folder on a disk of this computer. If there is none that "
            "outlives the run, set execution.allow_network_state to true, and never start two runs."
        )


def network_type(folder: Path) -> str | None:
    """The type of the network file system that `folder` is on, or None: local, or not known.

    The folder need not exist yet.
    """
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None  # not Linux
    place = folder.resolve()
    found, found_at = None, Path("/")
    for line in lines:
        # "36 35 98:0 /root /mount/point options [tags...] - type source options"
        before, _, after = line.partition(" - ")
        mount = Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), before.split(" ")[4]))
        # The deepest mount counts, and of several at one place the last.
        if place.is_relative_to(mount) and mount.is_relative_to(found_at):
            found, found_at = after.split(" ")[0], mount
    return found if found in NETWORK_TYPES else None
