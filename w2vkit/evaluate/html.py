"""An evaluation as one HTML file that needs nothing else: no network, no other file, no library."""

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape

from w2vkit.evaluate.evaluation import Evaluation
from w2vkit.evaluate.html_style import SCRIPT, STYLE
from w2vkit.evaluate.published import published
from w2vkit.evaluate.report import percent, summary, title
from w2vkit.evaluate.scoring import SCORINGS, Group, Pair, Scored
from w2vkit.pipeline.datasets import Corpus

# Nothing may be fetched, whatever a transcript or a file name holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src data:"
FREQUENT = 12  # errors that are listed
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, math.inf)  # distances of the marks on an axis
SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # edges of the table by an utterance's own WER


def to_html(evaluation: Evaluation, corpus: Corpus, *, audio: Mapping[str, bytes] | None = None) -> str:
    """Draw an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
    corpus : Corpus
    audio : mapping of str to bytes, optional
        FLAC or WAV files of the worst utterances by id, to be heard on the page.

    Returns
    -------
    str
        A page; every text in it is escaped.
    """
    name = escape(title(evaluation, corpus))
    sections = [
        _tiles(evaluation),
        _notes(evaluation),
        _published(evaluation, corpus),
        _plots(evaluation),
        _worst(evaluation, audio or {}),
        _frequent(evaluation),
        _utterances(evaluation),
        _failures(evaluation),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<style>{STYLE}</style></head><body><main><h1>{name}</h1>"
        f"<p>Scoring <strong>{evaluation.scoring}</strong>: {escape(SCORINGS[evaluation.scoring])}.</p>"
        f"{''.join(sections)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _tiles(e: Evaluation) -> str:
    tiles = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(what)}</small></dd></div>"
        for name, value, what in summary(e)
    )
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _notes(e: Evaluation) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in e.notes)


def _published(e: Evaluation, corpus: Corpus) -> str:
    rows = [(figure.what, f"{figure.wer:.1f} %") for figure in published(e, corpus)]
    if not rows:
        return ""
    body = _rows([("this run" + ("" if corpus.complete else ", a part of the split"), percent(e.wer)), *rows])
    return f"<section><h2>Published on this split</h2><table><thead><tr><th>what<th>WER</thead>{body}</table></section>"


def _plots(e: Evaluation) -> str:
    counts = Counter(sum(s.errors / max(1, s.words) > share for share in SHARES) for s in e.utterances)
    names = ["no errors", *(f"up to {share:.0%}".replace("%", " %") for share in SHARES[1:]), "over 100 %"]
    spread = [(name, float(counts[k]), f"{counts[k]:,} utterances") for k, name in enumerate(names)]
    lengths = [(g.name, g.wer, f"{percent(g.wer)} of {g.words:,} words") for g in e.lengths]
    charts = [("WER by length", _bars(lengths)), ("Utterances by their own WER", _bars(spread))]
    charts = [f"<section><h2>{heading}</h2>{chart}</section>" for heading, chart in charts]
    speakers = f"<section><h2>WER by speaker</h2>{_dots(e)}{_speakers(e.speakers)}</section>" if len(e.speakers) > 1 else ""
    return f'<div class="pair">{"".join(charts)}</div>{speakers}'


def _bars(rows: list[tuple[str, float, str]]) -> str:
    """Horizontal bars: (name, value, its label); the longest fills the width."""
    longest = max((value for _, value, _ in rows if value == value), default=0.0) or 1.0
    cells = (
        f'<tr><th>{escape(name)}<td class="bar"><i style="width:{100 * value / longest if value == value else 0:.1f}%"></i>'
        f"<span>{escape(label)}</span>"
        for name, value, label in rows
    )
    return f'<table class="bars">{"".join(cells)}</table>'


def _dots(e: Evaluation) -> str:
    """Speakers from the best to the worst; the line is the corpus WER, the band its interval."""
    groups = [g for g in reversed(e.speakers) if g.words]
    width, height, left, top = 720, 200, 44, 8
    highest = max([g.wer for g in groups] + [e.interval[1] if e.interval else e.wer]) or 1.0
    apart = next(step for step in TICKS if highest / step <= 5)
    highest = apart * math.ceil(highest / apart)

    def y(wer: float) -> float:
        return round(top + height * (1 - wer / highest), 1)

    ticks = "".join(
        f'<text x="{left - 6}" y="{y(k * apart) + 4}" text-anchor="end">{100 * k * apart:g} %</text>'
        f'<path class="grid" d="M{left} {y(k * apart)}H{width}"/>'
        for k in range(round(highest / apart) + 1)
    )
    band = ""
    if e.interval:
        low, high = (y(edge) for edge in e.interval)
        band = f'<rect class="band" x="{left}" y="{high}" width="{width - left}" height="{max(1.0, low - high):.1f}"/>'
    step = (width - left) / len(groups)
    dots = "".join(
        f'<circle cx="{left + (k + 0.5) * step:.1f}" cy="{y(g.wer)}" r="4"><title>{escape(g.name)}: {percent(g.wer)} of '
        f"{g.words:,} words</title></circle>"
        for k, g in enumerate(groups)
    )
    return (
        f'<div class="wide"><svg viewBox="0 0 {width} {height + top + 8}" role="img" aria-label="WER of each speaker">'
        f"{ticks}{band}"
        f'<path class="mean" d="M{left} {y(e.wer)}H{width}"/>{dots}</svg></div>'
        f"<p><small>{len(groups)} speakers, the best on the left; the line is the WER of all, the band its interval</small></p>"
    )


def _speakers(groups: Iterable[Group]) -> str:
    rows = _rows((g.name, g.utterances, round(g.seconds), g.words, g.errors, percent(g.wer)) for g in groups)
    head = _head("speaker", "utterances", "seconds", "words", "errors", "WER")
    table = f'<div class="wide"><table class="sortable">{head}{rows}</table></div>'
    return f"<details><summary>Table of speakers</summary>{table}</details>"


def _worst(e: Evaluation, audio: Mapping[str, bytes]) -> str:
    items = []
    for one in e.worst():
        sound = _player(audio[one.id]) if one.id in audio else ""
        items.append(f"<li><h3>{escape(one.id)} <small>{_count(one)}</small></h3><p>{marked(one.pairs)}</p>{sound}")
    legend = "<p class='legend'><s>left out</s> <ins>added</ins> <s>spoken</s><b>heard instead</b></p>"
    return f"<section><h2>Worst utterances</h2>{legend}<ol>{''.join(items)}</ol></section>" if items else ""


def _count(one: Scored) -> str:
    return f"{one.errors} errors in {one.words} words, {one.seconds:.1f} s"


def _player(data: bytes) -> str:
    kind = "flac" if data[:4] == b"fLaC" else "wav"
    return f'<audio controls preload="none" src="data:audio/{kind};base64,{base64.b64encode(data).decode()}"></audio>'


def marked(pairs: Iterable[Pair]) -> str:
    """An alignment as HTML: what was left out struck, what was added underlined, both for a substitution; all escaped."""
    pieces = []
    for reference, hypothesis in pairs:
        if reference == hypothesis and reference is not None:
            pieces.append(escape(reference))
        elif reference is None:
            pieces.append(f"<ins>{escape(hypothesis or '')}</ins>")
        else:
            pieces.append(f"<s>{escape(reference)}</s>" + (f"<b>{escape(hypothesis)}</b>" if hypothesis is not None else ""))
    return " ".join(pieces)


def _frequent(e: Evaluation) -> str:
    wrong = Counter((a, b) for s in e.utterances for a, b in s.pairs if a != b)
    rows = _rows((a or "-", b or "-", count) for (a, b), count in wrong.most_common(FREQUENT))
    head = _head("spoken", "heard", "times")
    return f'<section><h2>Frequent errors</h2><table class="sortable">{head}{rows}</table></section>' if wrong else ""


def _utterances(e: Evaluation) -> str:
    head = _head("id", "s", "words", "errors", "WER", "alignment")
    rows = "".join(
        f"<tr><td>{escape(s.id)}<td>{s.seconds:.1f}<td>{s.words}<td>{s.errors}"
        f"<td>{percent(s.errors / s.words if s.words else float('nan'))}<td class='text'>{marked(s.pairs)}"
        for s in e.utterances
    )
    return (
        f"<section><h2>All utterances</h2><p>A heading sorts the table.</p>"
        f'<div class="wide"><table class="sortable texts">{head}<tbody>{rows}</tbody></table></div></section>'
    )


def _failures(e: Evaluation) -> str:
    body = "".join(f'<tr><td>{escape(row.id)}<td class="reason">{escape(row.error or "")}' for row in e.failures)
    return (
        f'<section><h2>Failed</h2><div class="wide"><table>{_head("id", "reason")}{body}</table></div></section>'
        if e.failures
        else ""
    )


def _head(*names: str) -> str:
    return f"<thead><tr>{''.join(f'<th>{escape(name)}' for name in names)}</thead>"


def _rows(rows: Iterable[tuple[object, ...]]) -> str:
    cells = ("".join(f"<td>{escape(str(cell))}" for cell in row) for row in rows)
    return f"<tbody>{''.join('<tr>' + row for row in cells)}</tbody>"
