"""Memory, open files and threads of a process. Read from /proc, thus on Linux only."""

from pathlib import Path

MB = 2**20


def memory(pid: int) -> dict[str, int]:
    """Give the memory of a process now (``rss``) and its highest since `reset_peak` (``peak``), in bytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value}
    return {"rss": kilobytes.get("VmRSS", 0) * 1024, "peak": kilobytes.get("VmHWM", 0) * 1024}


def reset_peak() -> None:
    """Let the peak of this process begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def open_files(pid: int) -> int:
    """Count the file descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """Count the threads of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def children(pid: int) -> list[int]:
    """Give the processes that a process has started, and those that they have started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(child) for child in task.read_text(encoding="ascii").split()]
        except OSError:  # the thread has ended
            continue
        for child in direct:
            found += [child, *children(child)]
    return found
