"""Write constraints-hashes.txt: what the extras need, in the versions of constraints.txt, with the hashes of all wheels.

Run it with uv on the path, after a change of constraints.txt: ``python .github/hashes.py``. torch is left out, and what only
its builds for CUDA need: its builds for CPU come from an index of their own, https://download.pytorch.org/whl/cpu.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("demo", "notebooks", "dev", "docs")
OF_TORCH = re.compile(r"torch|triton|setuptools|nvidia-.*|cuda-.*")
HEAD = """\
# Made by .github/hashes.py from pyproject.toml and constraints.txt, without torch and what only its CUDA builds need.
# pip install torch==VERSION, then: pip install --no-deps --require-hashes --requirement constraints-hashes.txt
"""


def main() -> None:
    """Write the file."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--constraint", "constraints.txt", "--generate-hashes", "--universal"]
    command += ["--python-version", "3.11.5", "--no-annotate", "--no-header", "--quiet"]
    command += [part for extra in EXTRAS for part in ("--extra", extra)]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    entries = [entry for entry in re.split(r"\n(?=\S)", found.strip()) if not OF_TORCH.fullmatch(entry.partition("==")[0])]
    (ROOT / "constraints-hashes.txt").write_text(HEAD + "\n".join(entries) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
