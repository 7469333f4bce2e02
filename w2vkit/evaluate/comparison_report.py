"""A comparison of systems as a table for the terminal, as JSON, and as an HTML page (``comparison.html.j2``)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from w2vkit.evaluate.compare import Compared, Comparison, Difference
from w2vkit.evaluate.html import FREQUENT, render
from w2vkit.evaluate.report import aligned, columns, percent
from w2vkit.evaluate.scoring import SCORINGS

SHOWN = 3  # utterances that the terminal shows where a system is better, and where it is worse
WORDS = 10  # words gained and lost that the terminal shows


def title(c: Comparison) -> str:
    """Name the systems and what they are compared on in one line."""
    names = ", ".join(f"{system.label} {system.name}" for system in c.systems)
    return f"{names} on {len(c.utterances):,} utterances, {c.words:,} words"


def points(difference: float) -> str:
    """Write a difference of two rates in percentage points, with its sign."""
    return f"{100 * difference:+.2f}"


def p_value(p: float) -> str:
    """Write a p-value as a relation."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def tests(d: Difference) -> list[tuple[str, str, str, str]]:
    """Give the tests as (name, difference of WER with its 95 % interval, p, what it was computed over)."""
    rows = [
        (
            f"bootstrap over {one.over}",
            f"{points(d.wer)} ({points(one.interval[0])} to {points(one.interval[1])}) points",
            p_value(one.p),
            f"{one.count:,} {one.over}",
        )
        for one in (d.utterances, d.speakers)
        if one
    ]
    if s := d.segments:
        rows.append(
            (
                "MAPSSWE (matched pairs)",
                f"{s.mean:+.3f} errors per segment",
                p_value(s.p),
                f"{s.segments:,} segments, z = {s.z:.2f}",
            )
        )
    return rows


def verdict(d: Difference) -> str:
    """Say in one sentence whether a system differs from the baseline."""
    if not d.main:
        return f"The WER of {d.label} differs by {points(d.wer)} points; one utterance is too few for a test."
    over = f"bootstrap over {d.main.over}, {p_value(d.main.p)}"
    low, high = d.main.interval
    if low <= 0 <= high:
        return f"It is not shown that {d.label} differs from A: the 95 % interval holds 0 ({over})."
    better = "better" if d.wer < 0 else "worse"
    return f"{d.label} is {better} than A by {100 * abs(d.wer):.2f} points of WER ({over})."


def table(c: Comparison) -> str:
    """Write a comparison as a table for the terminal."""
    return "\n".join(_lines(c)) + "\n"


def _lines(c: Comparison) -> Iterator[str]:
    yield f"{len(c.systems)} systems on {len(c.utterances):,} utterances, {c.words:,} words"
    yield f"scoring {c.scoring}: {SCORINGS[c.scoring]}"
    yield ""
    yield from columns(
        [["", "system", "WER", "substituted / deleted / inserted"]]
        + [[s.label, s.name, percent(s.wer), f"{s.substitutions:,} / {s.deletions:,} / {s.insertions:,}"] for s in c.systems]
    )
    yield from (f"{system.label}: {system.about}" for system in c.systems if system.about)
    labels = ("REF", *(f"{system.label:3}" for system in c.systems))
    for number, d in enumerate(c.differences, start=1):
        yield f"\n{verdict(d)}"
        yield from columns([["  " + name, *rest] for name, *rest in tests(d)])
        yield f"  {d.better:,} utterances with fewer errors in {d.label}, {d.worse:,} with more, {d.equal:,} with as many"
        for name, words in (("only " + d.label, d.gained), ("only A", d.lost)):
            if words:
                yield f"  words that {name} has right: " + _frequent(words)
        other = c.sorted(number)
        best = [u for u in other if u.errors[number] < u.errors[0]][:SHOWN]
        worst = [u for u in reversed(other) if u.errors[number] > u.errors[0]][:SHOWN]
        for name, those in (("better", best), ("worse", worst)):
            if those:
                yield f"\nwhere {d.label} is {name}"
                yield from _utterances(those, labels)
    for note in c.notes:
        yield f"\nNote: {note}"


def _frequent(words: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(word if count == 1 else f"{word} ({count})" for word, count in words[:WORDS])
    return shown + (f" and {len(words) - WORDS:,} more" if len(words) > WORDS else "")


def _utterances(those: Sequence[Compared], labels: Sequence[str]) -> Iterator[str]:
    for one in those:
        errors = ", ".join(f"{count} in {label.strip()}" for label, count in zip(labels[1:], one.errors, strict=True))
        yield f"  {one.id}  errors: {errors}; {one.words} words"
        yield from ("    " + line for line in aligned(one.rows, labels))


def to_json(c: Comparison) -> str:
    """Write a comparison as JSON: rates and differences are fractions of 1."""
    data = asdict(c)
    for row, d in zip(data["differences"], c.differences, strict=True):
        row["verdict"] = verdict(d)
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def to_html(c: Comparison) -> str:
    """Write a comparison as an HTML page, which loads nothing; every text in it is escaped."""
    parts = [
        {"d": d, "system": number, "verdict": verdict(d), "tests": tests(d), "differing": c.sorted(number)}
        for number, d in enumerate(c.differences, start=1)
    ]
    return render("comparison.html.j2", c=c, title=title(c), scoring=SCORINGS[c.scoring], parts=parts, frequent=FREQUENT)
