"""The command ``w2vkit compare``: tests whether one system is better than another, and shows where their texts differ."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from w2vkit.cli.common import check_output, say, write_text
from w2vkit.errors import printable

ABOUT = """
A SYSTEM is one of:
  a folder that w2vkit evaluate wrote (--output-dir)
  texts.tsv, .csv, .jsonl   columns id and text (or hypothesis, pred_text), and perhaps reference and speaker
  texts.txt                 lines of: ID TEXT
  texts.trn, texts.ctm      NIST's forms

The first system is the baseline. Utterances are matched by their ids.
"""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "compare",
        help="test whether a system is better than another",
        description="Compare the texts of systems: difference of WER with its interval, significance, and where they differ.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("systems", nargs="+", type=Path, metavar="SYSTEM", help="two or more, see below")
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="references by id, in the same forms (default: those of the systems)"
    )
    parser.add_argument("--text-column", help="column of the transcripts in --reference")
    parser.add_argument(
        "--scoring",
        choices=("card", "whisper", "leaderboard"),
        help="as for w2vkit evaluate (default: that of the first folder, or else card)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with all utterances that differ")
    parser.add_argument("--overwrite", action="store_true", help="replace the page if it is there already")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare; the exit status is 0 whatever the difference."""
    from w2vkit.evaluate.compare import compare
    from w2vkit.evaluate.comparison_report import table, to_html, to_json
    from w2vkit.evaluate.hypotheses import read_references, read_system

    if options.html:
        inputs = [*options.systems, *([options.reference] if options.reference else [])]
        check_output(options.html, inputs, overwrite=options.overwrite)
    systems = [read_system(path) for path in options.systems]
    if len({system.name for system in systems}) < len(systems):
        systems = [replace(system, name=str(path)) for system, path in zip(systems, options.systems, strict=True)]
    references = read_references(options.reference, options.text_column) if options.reference else None
    scoring = options.scoring or next((system.scoring for system in systems if system.scoring), "card")
    comparison = compare(systems, references=references, scoring=scoring, seed=options.seed)
    print(printable(to_json(comparison) if options.json else table(comparison)), end="", flush=True)
    if options.html:
        write_text(options.html, to_html(comparison))
        say(f"Page written to {options.html}")
    return 0
