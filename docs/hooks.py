"""Hooks of MkDocs: they write the API pages from the package, and make pages of files outside docs/.

MkDocs calls the functions named ``on_...``: https://www.mkdocs.org/user-guide/configuration/#hooks.
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

import course
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "w2vkit"
# Pages whose text is in files outside docs/.
SOURCES = {
    "course/index.md": "notebooks/README.md",
    "course/licence.md": "notebooks/LICENSE.md",
    "project/benchmarks.md": "benchmarks/README.md",
    "project/card.md": "w2vkit/checkpoints/w2v-mini/README.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
    "project/training.md": "training/README.md",
}
# Pages of the API: the modules that each shows. A room stands for its package and every public module in it.
ROOMS = {
    "errors": ("errors",),
    "audio": ("audio",),
    "emissions": ("emissions",),
    "decode": ("decode",),
    "decode.lm": ("decode.lm",),
    "align": ("align",),
    "formats": ("formats",),
    "model": ("model",),
    "pipeline": ("pipeline",),
    "evaluate": ("evaluate",),
    "cli": ("cli",),
    "data": ("checkpoints", "examples"),
}
TITLES = {"data": "checkpoints and examples"}
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not files of docs/."""
    for page, source in SOURCES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for page, rooms in ROOMS.items():
        title = TITLES.get(page, page)
        content = "\n\n".join([f"# {title}", *(_room(room) for room in rooms)])
        files.append(File.generated(config, f"api/{page}.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Make links between files of the repository point to the pages that show them; other links become plain text."""
    here = page.file.src_uri
    if (here.startswith("api/") and here != "api/index.md") or here in course.PAGES:
        return markdown
    shown = {source: target for target, source in SOURCES.items()}
    shown |= {f"notebooks/{path.name}": target for target, path in course.PAGES.items()}
    shown |= {f"docs/{file.src_uri}": file.src_uri for file in files if file.src_uri not in SOURCES}
    folder = posixpath.dirname(SOURCES.get(here, f"docs/{here}"))

    def lead(link: re.Match[str]) -> str:
        target = shown.get(posixpath.normpath(posixpath.join(folder, link[2])))
        if target is None:
            return "]()"
        return f"{link[1]}{posixpath.relpath(target, posixpath.dirname(here) or '.')}{link[3] or ''})"

    return re.sub(r"(?<!!)\[((?:[^][]|\[[^]]*\])*)\]\(\)", r"\1", LINK.sub(lead, markdown))


def on_page_content(html: str, **_: Any) -> str:
    """Remove the dash behind a parameter or attribute that has no description."""
    return re.sub(r"\u2013\s*<div class=\"doc-md-description\">\s*</div>", "", html)


def _room(room: str) -> str:
    """Give the Markdown of a room: what it is for, the names that others import, and its modules."""
    path = PACKAGE.joinpath(*room.split("."))
    if not path.is_dir():
        return f"::: w2vkit.{room}\n    options: {{show_root_heading: false, show_root_toc_entry: false}}"
    exported = _exported(path / "__init__.py")
    head = "show_root_heading: false, show_root_toc_entry: false"
    if not exported:  # a room of one file: what it has is in __init__
        return f"## w2vkit.{room}\n\n::: w2vkit.{room}\n    options: {{{head}}}"
    parts = [f"::: w2vkit.{room}\n    options: {{{head}, members: false}}"]
    names = ", ".join(_link(name, home) for name, home in sorted(exported.items()))
    parts.append(f"Import from `w2vkit.{room}`: {names}.")
    modules = [file for file in sorted(path.glob("*.py")) if not file.name.startswith("_")]
    homes = set(exported.values())  # their modules come first
    modules.sort(key=lambda file: (f"w2vkit.{room}.{file.stem}" not in homes, file.stem))
    parts += [f"::: w2vkit.{room}.{file.stem}" for file in modules]
    return "\n\n".join(parts)


def _link(name: str, home: str) -> str:
    """Name a class or function with a link to its entry; constants and type aliases have none."""
    path = ROOT.joinpath(*home.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return f"[`{name}`][{home}.{name}]" if name in defined else f"`{name}`"


def _exported(file: Path) -> dict[str, str]:
    """Find the names that a package imports for others, each with the module that defines it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    public: set[str] = set()
    homes: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id == "__all__" for name in node.targets):
            public = set(ast.literal_eval(node.value))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("w2vkit."):
            homes |= {alias.name: str(node.module) for alias in node.names}
    return {name: home for name, home in homes.items() if name in public}
