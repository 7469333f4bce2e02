"""An evaluation as a table for the terminal, as JSON, and as the YAML of a model card."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from w2vkit.evaluate.analysis import Analysis
from w2vkit.evaluate.evaluation import Evaluation
from w2vkit.evaluate.published import published
from w2vkit.evaluate.scoring import SCORINGS, Group
from w2vkit.pipeline.datasets import Corpus

LINE = 100  # characters per line of the terminal
WORST = 5  # utterances, and speakers, that the table shows
NORMALISERS = {"whisper": "Whisper's normaliser", "leaderboard": "Open ASR Leaderboard's scoring"}
NO_WORD = "***"  # opposite an insertion or a deletion


def title(evaluation: Evaluation, corpus: Corpus) -> str:
    """Name the model and the data set in one line."""
    part = " ".join(filter(None, (corpus.name, corpus.config, corpus.split)))
    return f"{evaluation.model} ({evaluation.dtype}) on {part}" + (
        "" if corpus.complete else f", {corpus.total} utterances of it"
    )


def summary(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Give the main figures as (name, value, explanation)."""
    e = evaluation
    low_high = " to ".join(map(percent, e.interval)) if e.interval else "one utterance only"
    drawn = len(e.speakers) if e.interval_over == "speakers" else len(e.utterances)
    lines = [
        ("WER", percent(e.wer), f"{e.substitutions + e.deletions + e.insertions:,} errors in {e.words:,} words"),
        ("95 % interval", low_high, f"bootstrap over {drawn:,} {e.interval_over}"),
        ("CER", percent(e.cer), "character error rate"),
        ("errors", f"{e.substitutions:,} / {e.deletions:,} / {e.insertions:,}", "substituted / deleted / inserted"),
        ("audio", clock(e.seconds), f"{len(e.utterances):,} utterances scored, {len(e.failures):,} failed"),
    ]
    a = e.analysis
    if o := a.oracle:
        choice = f"best of {o.most} texts each in {o.utterances:,} utterances, against {percent(o.first)} of the first"
        lines.append(("n-best oracle", percent(o.wer), choice))
    if a.unknown and a.unknown.words:
        share = f"wrong, of {a.unknown.words:,} words that are not in the language model"
        lines.append(("unknown words", percent(a.unknown.rate), share))
    if a.keywords:
        found = sum(k.words - k.wrong for k in a.keywords), sum(k.words for k in a.keywords)
        lines.append(("keyword recall", percent(a.recall), f"{found[0]:,} of {found[1]:,} occurrences recognised"))
    if c := a.confidence:
        lines.append(("calibration", percent(c.error), f"expected difference of confidence and accuracy, {c.words:,} words"))
    if s := e.speed:
        times = f"reading {s.reading:.1f} s, model {s.forward:.1f} s, decoding {s.decoding:.1f} s"
        lines.append(("speed", f"{s.rtfx:,.1f} x", f"seconds of sound per second of model and decoding; {times}"))
    return lines


def table(evaluation: Evaluation, corpus: Corpus) -> str:
    """Write an evaluation as a table for the terminal."""
    return "\n".join(_lines(evaluation, corpus)) + "\n"


def _lines(e: Evaluation, corpus: Corpus) -> Iterator[str]:
    yield title(e, corpus)
    yield f"scoring {e.scoring}: {SCORINGS[e.scoring]}"
    yield f"decoder: {e.decoder}"
    yield ""
    yield from columns([[name, value, what] for name, value, what in summary(e)])
    if figures := published(e, corpus):
        yield "\npublished on this split" + ("" if corpus.complete else ", all of it")
        yield from columns([["  " + figure.what, f"{figure.wer:.1f} %"] for figure in figures])
    if e.lengths:
        yield "\nby length"
        yield from _groups(e.lengths)
    if e.speakers:
        yield f"\nby speaker (the worst {min(WORST, len(e.speakers))} of {len(e.speakers)})"
        yield from _groups(e.speakers[:WORST])
    if worst := e.worst(WORST):
        yield "\nworst utterances"
        for one in worst:
            yield f"  {one.id}  {one.errors} errors in {one.words} words"
            yield from ("    " + line for line in aligned(one.pairs))
    for note in e.notes:
        yield f"\nNote: {note}"


def _groups(groups: Iterable[Group]) -> Iterator[str]:
    rows = [[f"  {g.name}", f"{g.utterances:,} utterances", f"{g.words:,} words", percent(g.wer)] for g in groups]
    return columns(rows)


def columns(rows: list[list[str]]) -> Iterator[str]:
    """Write rows of cells as lines with aligned columns."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))] if rows else []
    return ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def aligned(rows: Iterable[Sequence[str | None]], labels: Sequence[str] = ("REF", "HYP")) -> Iterator[str]:
    """Write an alignment as one line per label, reference over hypotheses; a long one as several groups of lines."""
    lines = list(labels)
    for row in rows:
        words = [word or NO_WORD for word in row]
        width = max(map(len, words))
        if len(lines[0]) + 1 + width > LINE and lines != list(labels):
            yield from (line.rstrip() for line in lines)
            lines = list(labels)
        lines = [f"{line} {word.ljust(width)}" for line, word in zip(lines, words, strict=True)]
    yield from (line.rstrip() for line in lines)


def percent(share: float) -> str:
    """Write a fraction of 1 in per cent; NaN as a dash."""
    return "-" if share != share else f"{100 * share:.2f} %"


def clock(seconds: float) -> str:
    """Write a duration as h:mm:ss; 0, where it is unknown, as a dash."""
    if not seconds:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def to_json(evaluation: Evaluation, corpus: Corpus) -> str:
    """Write an evaluation as JSON: rates are fractions of 1, times are seconds; the worst utterances are aligned."""
    e = evaluation
    data = asdict(e)
    data["data"] = {"name": corpus.name, "config": corpus.config, "split": corpus.split, "complete": corpus.complete}
    data["analysis"] = _analysis(e.analysis)
    data["failures"] = [result.stored() for result in e.failures]
    data["worst"] = [{"id": one.id, "pairs": one.pairs} for one in e.worst()]
    data["published"] = [asdict(figure) for figure in published(e, corpus)]
    for one in data["utterances"]:
        del one["pairs"]
    for key in ("speakers", "lengths"):
        for row, group in zip(data[key], getattr(e, key), strict=True):
            row["wer"] = group.wer if group.words else None
    if e.speed:
        data["speed"]["rtfx"] = e.speed.rtfx
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _analysis(a: Analysis) -> dict[str, Any]:
    """Give an analysis as values for JSON: with rates, None where there are no words."""
    data = asdict(a)
    for key in ("frequency", "positions", "keywords"):
        data[key] = [asdict(share) | {"rate": _number(share.rate)} for share in getattr(a, key)]
    for key in ("noise", "rates"):
        data[key] = [asdict(group) | {"wer": _number(group.wer)} for group in getattr(a, key)]
    data["unknown"] = asdict(a.unknown) | {"rate": _number(a.unknown.rate)} if a.unknown else None
    data["keyword_recall"] = _number(a.recall)
    return data


def _number(share: float) -> float | None:
    return None if share != share else share


def remark(evaluation: Evaluation, corpus: Corpus) -> str:
    """Give a comment for YAML that says how the figures were measured, and whether they are of a part only."""
    text = f"# scoring: {evaluation.scoring}; decoder: {evaluation.decoder}; {len(evaluation.utterances)} utterances"
    if not corpus.complete:
        text += ", NOT the whole split: do not publish it as such"
    if evaluation.failures:
        text += f"; {len(evaluation.failures)} failed and are left out"
    return text


def model_index(evaluation: Evaluation, corpus: Corpus) -> str:
    """Write the ``model-index`` block that the Hub reads from the front matter of a model card (WER and CER in per cent)."""
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index
    from huggingface_hub.utils import yaml_dump

    name = evaluation.model.rpartition("/")[2]
    scored = "" if evaluation.scoring == "card" else f" ({NORMALISERS[evaluation.scoring]})"
    results = [
        EvalResult(
            task_type="automatic-speech-recognition",
            task_name="Automatic Speech Recognition",
            dataset_type=corpus.name,
            dataset_name=corpus.name,
            dataset_config=corpus.config,
            dataset_split=corpus.split,
            metric_type=metric,
            metric_name=f"Test {metric.upper()}{scored}",
            metric_value=round(100 * value, 2),
        )
        for metric, value in (("wer", evaluation.wer), ("cer", evaluation.cer))
    ]
    return f"{remark(evaluation, corpus)}\n" + yaml_dump({"model-index": eval_results_to_model_index(name, results)})
