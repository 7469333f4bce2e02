"""Kernels for notebooks, forked from a process that has imported what most of them need, which takes longer than they do."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from jupyter_client.provisioning import local_provisioner

PRELOADED = "tests.support.preloaded"
FORKS = multiprocessing.get_context("forkserver")


class Kernel(FORKS.Process):
    """A forked kernel with the methods of a `subprocess.Popen` that Jupyter calls."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> int | None:
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        if self.pid and self.is_alive():
            os.kill(self.pid, number)


def run(command: list[str], env: dict[str, str], cwd: str, first: str) -> None:
    """Be the kernel that the command would start; run the code `first` before it."""
    os.setsid()
    from ipykernel.kernelapp import IPKernelApp

    os.environ.update(env)
    os.chdir(cwd)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exec(first, {})
    IPKernelApp.launch_instance(argv=command[command.index("-f") :])


@contextmanager
def forked_kernels(environment: dict[str, str], first: str) -> Iterator[None]:
    """Start the kernels of Jupyter by forks of a process with this environment; each begins with the code `first`.

    Its ``PYTHONPATH`` names the root of the repository.
    """

    def launch(command: list[str], env: dict[str, str], cwd: str, **ignored: Any) -> Kernel:
        kernel = Kernel(target=run, args=(command, env, cwd, first))
        kernel.start()
        # Jupyter ends the whole group of a kernel; until the kernel has its own, it is in that of the tests.
        while kernel.is_alive() and os.getpgid(kernel.pid or 0) != kernel.pid:
            time.sleep(0.01)
        return kernel

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(local_provisioner, "launch_kernel", launch)
        FORKS.set_forkserver_preload([PRELOADED])
        yield
