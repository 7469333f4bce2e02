"""The rooms import in one direction only, and heavy libraries are imported where they belong.

They read the source, so imports inside functions count, too.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each room may import itself and the rooms before it.
ORDER = (
    {"errors", "checkpoints", "examples"},
    {"audio", "emissions"},
    {"decode"},
    {"align"},
    {"formats"},
    {"model"},
    {"pipeline"},
    {"evaluate"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# From a library to the files of w2vkit that may import it, as the start of their paths.
HOMES = {
    "torch": ("model/",),
    "transformers": ("model/",),
    "onnx": ("model/export.py",),
    "onnxruntime": ("model/export.py",),
    "ray": ("pipeline/cluster.py",),
    "pyarrow": ("pipeline/",),
    "datasets": ("pipeline/",),
    "gradio": (),
    "plotly": (),
}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, as a dotted name."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file} has a relative import"
            found |= (
                {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                if node.module == "w2vkit"
                else {node.module}
            )
    return found


def files() -> list[Path]:
    return sorted((ROOT / "w2vkit").rglob("*.py"))


def room(file: Path) -> str:
    return file.relative_to(ROOT / "w2vkit").parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "file", [file for file in files() if room(file) in LEVEL], ids=lambda file: str(file.relative_to(ROOT))
)
def test_a_room_imports_earlier_rooms_only(file):
    for name in imports(file):
        package, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if package == "w2vkit_demo":
            assert room(file) == "cli" and file.stem == "demo", f"{file} imports the page"
        if package == "w2vkit" and other in LEVEL and other != room(file):
            assert LEVEL[other] < LEVEL[room(file)], f"{room(file)} imports {other}, which comes later or beside it"


def test_every_file_has_a_room():
    rooms = {room(file) for file in files()} - {"__init__", "__main__"}
    assert rooms == set(LEVEL)


def test_heavy_libraries_are_imported_in_their_rooms_only():
    for file in files():
        where = file.relative_to(ROOT / "w2vkit").as_posix()
        for library in {name.partition(".")[0] for name in imports(file)} & HOMES.keys():
            assert where.startswith(HOMES[library]), f"{where} imports {library}"


def test_gradio_is_imported_by_the_page_only():
    assert any("gradio" in imports(file) for file in (ROOT / "demo").rglob("*.py"))
    assert all("w2vkit.cli" not in imports(file) for file in (ROOT / "demo" / "w2vkit_demo").rglob("*.py"))


def test_importing_w2vkit_is_quick_and_loads_no_network_library():
    heavy = "('torch', 'transformers', 'gradio', 'jiwer', 'plotly')"
    code = (
        "import sys, time, numpy; start = time.process_time(); import w2vkit;"  # processor time: other tests run, too
        f"print(time.process_time() - start, [name for name in {heavy} if name in sys.modules])"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(3)]
    assert all(run.split(maxsplit=1)[1].strip() == "[]" for run in runs)
    assert min(float(run.split()[0]) for run in runs) < 0.3
