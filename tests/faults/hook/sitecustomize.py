"""Faults for a whole tree of processes, put in by PYTHONPATH; the product knows nothing of it.

AWASE_FAULT_COUNTER  a file that counts writes, fsyncs, renames and links of all processes
AWASE_FAULT_KILL     at this count, SIGKILL the process group
AWASE_FAULT_EIO      at this fsync and all later ones, raise EIO
AWASE_FAULT_EXIT     at this count among workers, end the worker with exit code 3
AWASE_FAULT_MISSING  a module that workers cannot import
"""

import errno
import fcntl
import os
import pathlib
import signal
import sys

COUNTER = os.environ.get("AWASE_FAULT_COUNTER")
KILL = int(os.environ.get("AWASE_FAULT_KILL", "0"))
EIO = int(os.environ.get("AWASE_FAULT_EIO", "0"))
EXIT = int(os.environ.get("AWASE_FAULT_EXIT", "0"))
MISSING = os.environ.get("AWASE_FAULT_MISSING")
WORKER = b"forkserver" in pathlib.Path("/proc/self/cmdline").read_bytes()

if MISSING and WORKER:
    sys.modules[MISSING] = None


def count(what):
    with open(f"{COUNTER}.{what}", "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_size


def step():
    if count("all") == KILL:
        os.killpg(0, signal.SIGKILL)
    if EXIT and WORKER and count("work") == EXIT:
        os._exit(3)


def stepping(function):
    def run(*arguments, **keywords):
        step()
        return function(*arguments, **keywords)

    return run


class Stepping:
    """A binary file whose writes are counted; half of the killed write gets through."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        if count("all") == KILL:
            view = memoryview(data).cast("B")
            self.file.write(view[: len(view) // 2])
            self.file.flush()
            os.killpg(0, signal.SIGKILL)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


if COUNTER:
    really_fsync, really_open = os.fsync, pathlib.Path.open

    def fsync(descriptor):
        step()
        if EIO and count("fsync") >= EIO:
            raise OSError(errno.EIO, "Input/output error")
        return really_fsync(descriptor)

    def open_path(self, mode="r", *arguments, **keywords):
        file = really_open(self, mode, *arguments, **keywords)
        return Stepping(file) if mode == "xb" else file

    os.fsync = fsync
    os.rename = stepping(os.rename)
    os.replace = stepping(os.replace)
    os.link = stepping(os.link)
    pathlib.Path.open = open_path
