"""An evaluation as one HTML file, which loads nothing: style and script are in it.

The page itself is the template ``report.html.j2`` in ``page.html.j2``, with ``report.css`` and ``report.js``; here its values
are computed.
"""

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from w2vkit.evaluate.evaluation import Evaluation
from w2vkit.evaluate.published import published
from w2vkit.evaluate.report import percent, summary, title
from w2vkit.evaluate.scoring import SCORINGS, Pair
from w2vkit.pipeline.datasets import Corpus

# Nothing may be loaded, whatever a transcript or a file name contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src data:"
FREQUENT = 12  # errors that are listed
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, math.inf)  # distances of the ticks on an axis
SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)  # edges of the table by an utterance's own WER


def to_html(evaluation: Evaluation, corpus: Corpus, *, audio: Mapping[str, bytes] | None = None) -> str:
    """Write an evaluation as an HTML page.

    Parameters
    ----------
    evaluation : Evaluation
    corpus : Corpus
    audio : mapping of str to bytes, optional
        FLAC or WAV files of the worst utterances by id, for players on the page.

    Returns
    -------
    str
        The page. Every text in it is escaped.
    """
    e = evaluation
    return render(
        "report.html.j2",
        e=e,
        title=title(e, corpus),
        scoring=SCORINGS[e.scoring],
        summary=summary(e),
        published=_published(e, corpus),
        groups=[
            (heading, _bars([(g.name, g.wer, f"{percent(g.wer)} of {g.words:,} words") for g in groups]))
            for heading, groups in (
                ("WER by length", e.lengths),
                ("WER by signal-to-noise ratio, estimated", e.analysis.noise),
                ("WER by rate of speech", e.analysis.rates),
            )
            if groups
        ],
        spread=_bars(_spread(e)),
        plot=_speaker_plot(e) if len(e.speakers) > 1 else None,
        speakers=[(g.name, g.utterances, round(g.seconds), g.words, g.errors, percent(g.wer)) for g in e.speakers],
        worst=e.worst(),
        audio={id: _data_url(file) for id, file in (audio or {}).items()},
        frequent=_frequent(e),
        shares=_shares(e),
        keywords=[(k.name, k.words, k.words - k.wrong, percent(1 - k.rate)) for k in e.analysis.keywords],
        confidence=_confidence(e),
    )


def render(template: str, **values: Any) -> str:
    """Fill in a template of this folder; it extends ``page.html.j2``, which holds style and script."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("w2vkit.evaluate", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "marked": lambda pairs: Markup(marked(pairs))}
    folder = Path(__file__).parent
    return environment.get_template(template).render(
        policy=Markup(POLICY),
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),
        script=Markup((folder / "report.js").read_text(encoding="utf-8")),
        **values,
    )


def marked(pairs: Iterable[Pair]) -> str:
    """Write an alignment as HTML: deletions struck, insertions underlined, substitutions as both; every text is escaped."""
    pieces = []
    for reference, hypothesis in pairs:
        if reference == hypothesis and reference is not None:
            pieces.append(escape(reference))
        elif reference is None:
            pieces.append(f"<ins>{escape(hypothesis or '')}</ins>")
        else:
            pieces.append(f"<s>{escape(reference)}</s>" + (f"<b>{escape(hypothesis)}</b>" if hypothesis is not None else ""))
    return " ".join(pieces)


def _published(e: Evaluation, corpus: Corpus) -> list[tuple[str, str]]:
    figures = [(figure.what, f"{figure.wer:.1f} %") for figure in published(e, corpus)]
    own = ("this run" + ("" if corpus.complete else ", a part of the split"), percent(e.wer))
    return [own, *figures] if figures else []


def _spread(e: Evaluation) -> list[tuple[str, float, str]]:
    """Count the utterances by their own WER: (name, count, label)."""
    counts = Counter(sum(s.errors / max(1, s.words) > share for share in SHARES) for s in e.utterances)
    names = ["no errors", *(f"up to {share:.0%}".replace("%", " %") for share in SHARES[1:]), "over 100 %"]
    return [(name, float(counts[k]), f"{counts[k]:,} utterances") for k, name in enumerate(names)]


def _shares(e: Evaluation) -> list[tuple[str, list[dict[str, Any]]]]:
    """Give the charts of wrong words: (heading, bars)."""
    charts = [
        ("Wrong words by how often they occur", e.analysis.frequency),
        ("Wrong words by position in the utterance", e.analysis.positions),
    ]
    return [
        (heading, _bars([(s.name, s.rate, f"{percent(s.rate)} of {s.words:,} words") for s in shares]))
        for heading, shares in charts
        if shares
    ]


def _confidence(e: Evaluation) -> list[tuple[str, str, str, str]]:
    """Give the words by confidence: (confidences, words, their mean, share of right ones)."""
    bins = e.analysis.confidence.bins if e.analysis.confidence else ()
    return [
        (f"{b.low:.1f} to {b.high:.1f}", f"{b.count:,}", percent(b.confidence), percent(b.accuracy)) for b in reversed(bins)
    ]


def _bars(values: list[tuple[str, float, str]]) -> list[dict[str, Any]]:
    """Give the bars of (name, value, label); the longest fills the width (per cent)."""
    longest = max((value for _, value, _ in values if not math.isnan(value)), default=0.0) or 1.0
    return [
        {"name": name, "width": 0.0 if math.isnan(value) else 100 * value / longest, "label": label}
        for name, value, label in values
    ]


def _speaker_plot(e: Evaluation) -> dict[str, Any]:
    """Give the coordinates of a plot of the speakers from the lowest WER to the highest, one dot each."""
    groups = [g for g in reversed(e.speakers) if g.words]
    width, height, left, top = 720, 200, 44, 8
    highest = max([g.wer for g in groups] + [e.interval[1] if e.interval else e.wer]) or 1.0
    apart = next(step for step in TICKS if highest / step <= 5)
    highest = apart * math.ceil(highest / apart)

    def y(wer: float) -> float:
        return round(top + height * (1 - wer / highest), 1)

    band = None
    if e.interval:
        low, high = (y(edge) for edge in e.interval)
        band = {"y": high, "height": max(1.0, low - high)}
    step = (width - left) / len(groups)
    return {
        "width": width,
        "height": height + top + 8,
        "left": left,
        "ticks": [{"y": y(k * apart), "label": f"{100 * k * apart:g} %"} for k in range(round(highest / apart) + 1)],
        "band": band,
        "mean": y(e.wer),
        "dots": [
            {"x": left + (k + 0.5) * step, "y": y(g.wer), "label": f"{g.name}: {percent(g.wer)} of {g.words:,} words"}
            for k, g in enumerate(groups)
        ],
    }


def _frequent(e: Evaluation) -> list[tuple[str, str, int]]:
    """Give the most frequent errors: (reference, hypothesis, count)."""
    wrong = Counter((a, b) for s in e.utterances for a, b in s.pairs if a != b)
    return [(a or "-", b or "-", count) for (a, b), count in wrong.most_common(FREQUENT)]


def _data_url(file: bytes) -> str:
    kind = "flac" if file[:4] == b"fLaC" else "wav"
    return f"data:audio/{kind};base64,{base64.b64encode(file).decode()}"
