"""Versions and hashes of the libraries, and the workflows that install them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plain(name: str) -> str:
    return re.split(r"[^\w.-]", name.strip())[0].lower().replace("_", "-")


def pairs(lines: list[str]) -> dict[str, str]:
    return {plain(name): version for name, version in (line.split("==") for line in lines)}


def test_the_hashes_are_those_of_the_pinned_versions():
    pinned = pairs((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    text = (ROOT / "constraints-hashes.txt").read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry) for entry in entries)
    hashed = pairs([re.split(r"[\s;]", entry, maxsplit=1)[0] for entry in entries])
    assert {name: hashed[name] for name in hashed.keys() & pinned.keys()} == {
        name: pinned[name] for name in hashed.keys() & pinned.keys()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for extra in ("demo", "notebooks", "dev", "docs") for one in extras[extra])]
    assert {plain(one) for one in asked} - hashed.keys() == {"torch"}


def test_workflows_install_by_hash_and_pin_their_actions():
    workflows = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}
    assert all("HASHES: 1" in workflows[name] for name in ("check", "nightly", "docs"))
    assert "ifdef HASHES" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "pip-audit --disable-pip --no-deps --requirement constraints.txt" in workflows["audit"]
    used = [action for text in workflows.values() for action in re.findall(r"uses: (\S+)", text)]
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
