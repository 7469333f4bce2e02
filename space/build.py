"""Build the folder of a Hugging Face Space, ready to be pushed: ``python space/build.py [--static] [FOLDER]``.

All files are copied from the repository, and versions come from constraints.txt. The Hub is asked for one commit, that of
the default model. The folder can be a clone of the Space: other files in it, such as ``.git``, are kept.

``--static`` takes the site of ``make site`` instead, which computes in the browser: such a Space needs no hardware.
"""

import argparse
import re
import shutil
import sys
import tomllib
from pathlib import Path

from huggingface_hub import HfApi

from w2vkit.model.hub import DEFAULT, PROBE_SECONDS

ROOT = Path(__file__).parents[1]
PACKAGES = {"w2vkit": "w2vkit", "w2vkit_demo": "demo/w2vkit_demo"}
COPIES = {"app.py": "space/app.py", ".gitattributes": "space/gitattributes", "LICENSE": "LICENSE"}
CONVERSION = "refs/pr/5"  # the pull request in which the Hub's bot offers the default model as safetensors
NEEDED = ("config", "preprocessor_config", "special_tokens_map", "tokenizer_config", "vocab")
TORCH = """\
# This torch includes CUDA and runs on every hardware of a Space. On a CPU only, this line makes the build faster:
# --extra-index-url https://download.pytorch.org/whl/cpu
"""


def pins() -> dict[str, str]:
    """Read the version of each library from constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {_plain(name): version for name, _, version in (line.partition("==") for line in lines)}


def requirements() -> list[str]:
    """List the dependencies of the page and the core, each with its version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    names = [re.split(r"[^\w.-]", line)[0] for line in asked]
    return [f"{name}=={pins()[_plain(name)]}" for name in names]


def preload() -> str:
    """Give the line of the configuration that downloads the model while the Space is built. It needs the commit.

    See https://huggingface.co/docs/hub/spaces-config-reference. If the Hub does not answer, the line is left out, and the
    page downloads the model when it first starts.
    """
    try:
        commit = HfApi().model_info(DEFAULT, revision=CONVERSION, timeout=PROBE_SECONDS).sha
    except Exception as error:  # the HTTP client has its own exceptions for a failed connection
        print(f"The Hub does not answer ({type(error).__name__}). The Space will download the model when it first starts.")
        return ""
    names = [*(f"{name}.json" for name in NEEDED), "model.safetensors"]
    return f"preload_from_hub:\n- {DEFAULT} {','.join(names)} {commit}\n"


def build(folder: Path) -> None:
    """Write the files of the Space into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in PACKAGES.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cli", "__main__.py"))
    for name, source in COPIES.items():
        shutil.copyfile(ROOT / source, folder / name)
    page = (ROOT / "space" / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(page.format(gradio=pins()["gradio"], model=DEFAULT, preload=preload()), encoding="utf-8")
    (folder / "requirements.txt").write_text(TORCH + "\n".join(requirements()) + "\n", encoding="utf-8")


def build_static(folder: Path, site: Path) -> None:
    """Write the files of a static Space into a folder; those of the site replace older ones."""
    if not (site / "index.html").is_file():
        sys.exit(f"There is no site in {site}. Build it first: make site")
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name in ("model", "runtime"):  # their files are named by content, and old ones would stay
            shutil.rmtree(path)
    shutil.copytree(site, folder, dirs_exist_ok=True)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copyfile(ROOT / "space" / "static" / "gitattributes", folder / ".gitattributes")
    shutil.copyfile(ROOT / "space" / "static" / "README.md", folder / "README.md")


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the folder of a Hugging Face Space.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--static", action="store_true", help="the site that computes in the browser; needs make site")
    options = parser.parse_args()
    target = options.folder or ROOT / "build" / ("space-static" if options.static else "space")
    if options.static:
        build_static(target, ROOT / "site" / "dist")
    else:
        build(target)
    print(f"The Space is in {target}. To push it: hf upload YOU/NAME {target} --repo-type space")
