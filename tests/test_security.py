"""SECURITY.md: every test that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_promise_names_tests_that_exist():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    section = text.partition("## What is promised")[2].partition("\n## ")[0]
    promises = [part for part in section.split("\n- ")[1:] if part.strip()]
    assert len(promises) > 10 and all(NAMED.search(promise) for promise in promises)
    for file, name in NAMED.findall(text):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
