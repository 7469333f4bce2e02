"""Make the slides for teachers, ``docs/course/slides.html``: six figures of a bundled clip, each with a question for the class.

    python docs/slides.py

The page is static: it needs no script and loads nothing. Printed, each slide is a page.
"""

import html
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.evaluate.scoring import difference
from w2vkit.examples import examples
from w2vkit.model import CTCModel

PAGE = Path(__file__).parent / "course" / "slides.html"
WIDTH, HEIGHT = 1160, 440  # of a figure, in units of its drawing
SHOWN = 0.02  # labels that are never likelier have no row
STYLE = Path(__file__).with_suffix(".css")


def text(x: float, y: float, words: str, style: str = "") -> str:
    """Give a text of a figure; ``style`` has the names of classes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{html.escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, style: str, opacity: float = 1) -> str:
    """Give a rectangle of a figure."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{style}" opacity="{opacity:.3g}"/>'


def stroke(points: Sequence[tuple[float, float]], colour: str, width: float = 2) -> str:
    """Give a line through points; ``colour`` is the name of a variable of the style."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="var(--{colour})" stroke-width="{width}"/>'


def wave(samples: np.ndarray, x: float, y: float, width: float, height: float, colour: str = "accent") -> str:
    """Draw the lowest and highest sample in each of many columns."""
    count = min(len(samples), 580)
    columns = np.array_split(samples / np.abs(samples).max(), count)
    spots = [(x + (k + 0.5) * width / count, column.max(), column.min()) for k, column in enumerate(columns)]
    middle = y + height / 2
    path = "".join(f"M{at:.1f} {middle - height / 2 * high:.1f}V{middle - height / 2 * low + 1:.1f}" for at, high, low in spots)
    return f'<path d="{path}" stroke="var(--{colour})" stroke-width="1.6"/>'


def sound(clip: Waveform, start: float) -> str:
    """Draw the whole clip and, below it, 10 ms from ``start`` (s) on, sample by sample."""
    part = clip.samples[int(start * clip.sample_rate) :][: clip.sample_rate // 100]
    at = WIDTH * start / clip.seconds
    low, height = 320, 100
    points = [(k * WIDTH / (len(part) - 1), low - height * value / np.abs(part).max()) for k, value in enumerate(part)]
    return "".join(
        [
            wave(clip.samples, 0, 10, WIDTH, 150),
            text(0, 180, f"{clip.seconds:.1f} s, {len(clip.samples):,} numbers", "small"),
            stroke([(at, 10), (at, 160), (0, 210)], "second", 1.5),
            stroke([(at, 160), (WIDTH, 210)], "second", 1.5),
            stroke(points, "line"),
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="second"/>' for x, y in points),
            text(WIDTH, 180, f"below: 10 ms, {len(part)} numbers", "small end"),
        ]
    )


def frames(clip: Waveform, start: float, receptive: float, step: float) -> str:
    """Draw 0.3 s from ``start`` (s) on, and the stretch that each frame sees: ``receptive`` (s) long, every ``step`` (s)."""
    seconds = 0.3
    part = clip.samples[int(start * clip.sample_rate) : int((start + seconds) * clip.sample_rate)]
    scale = WIDTH / seconds
    count = int((seconds - receptive) / step) + 1
    rows = [
        box(k * step * scale, 190 + (k % 5) * 34, receptive * scale, 26, "second" if k == 2 else "main", 0.35)
        + text((k * step + receptive / 2) * scale, 210 + (k % 5) * 34, f"{k + 1}", "middle small")
        for k in range(count)
    ]
    seen = box(2 * step * scale, 10, receptive * scale, 150, "tint")
    told = f"A frame sees {1000 * receptive:.0f} ms (in the larger models, 25 ms). "
    told += f"The next frame begins {1000 * step:.0f} ms later."
    return seen + wave(part, 0, 10, WIDTH, 150) + "".join(rows) + text(0, 400, told, "small")


def heat(emissions: Emissions, first: int, last: int) -> str:
    """Draw the probability of each label in the frames from ``first`` to before ``last``."""
    shares = np.exp(emissions.log_probs[first:last])
    vocabulary = emissions.vocabulary
    names = {vocabulary.blank: "blank", vocabulary.word_boundary: "space"}
    rows = [vocabulary.blank, vocabulary.word_boundary]
    rows += sorted((k for k in vocabulary.columns.values() if k not in rows), key=vocabulary.shown)
    rows = [k for k in rows if k is not None and shares[:, k].max() > SHOWN]
    left, cell, tall = 80, (WIDTH - 80) / len(shares), (HEIGHT - 30) / len(rows)
    drawn = [box(left, 0, WIDTH - left, tall * len(rows), "tint")]
    for y, k in enumerate(rows):
        drawn.append(text(left - 12, (y + 0.75) * tall, names.get(k) or vocabulary.shown(k), "end small mono"))
        drawn += [
            box(left + t * cell + 0.5, y * tall + 0.5, cell - 1, tall - 1, "main", np.sqrt(share))
            for t, share in enumerate(shares[:, k])
            if share > 1e-3
        ]
    return "".join(drawn) + text(left, HEIGHT, f"{len(shares)} frames, {len(shares) * emissions.frame_seconds:.2f} s", "small")


def collapse(emissions: Emissions, first: int, last: int) -> str:
    """Draw the most likely label of each frame, the runs joined, and the text without blanks."""
    vocabulary = emissions.vocabulary
    path = emissions.log_probs[first:last].argmax(axis=1)
    letters = ["ε" if k == vocabulary.blank else "␣" if k == vocabulary.word_boundary else vocabulary.shown(k) for k in path]
    cell = WIDTH / len(letters)
    drawn = [text(0, 30, "1. the most likely label of each frame", "small")]
    drawn += [
        text((t + 0.5) * cell, 80, letter, f"middle mono {'soft' if letter == 'ε' else ''}") for t, letter in enumerate(letters)
    ]
    drawn.append(text(0, 150, "2. join runs of the same label", "small"))
    joined, at = [], 0
    for letter, run in groupby(letters):
        length = len(list(run))
        joined.append(letter)
        style = "tint" if letter == "ε" else "main"
        drawn.append(box(at * cell + 2, 168, length * cell - 4, 44, style, 1 if letter == "ε" else 0.25))
        drawn.append(text((at + length / 2) * cell, 198, letter, f"middle mono {'soft' if letter == 'ε' else ''}"))
        at += length
    said = "".join(letter for letter in joined if letter != "ε").replace("␣", " ")
    drawn.append(text(0, 280, "3. drop the blanks (ε); ␣ is the space", "small"))
    drawn.append(f'<text x="0" y="340" class="mono" style="font-size:48px">{html.escape(said.strip())}</text>')
    return "".join(drawn)


def lattice(word: str = "BEE", count: int = 7) -> str:
    """Draw the states of a word by frames, the allowed steps, and two of its paths."""
    states = [letter for pair in zip("ε" * len(word), word, strict=True) for letter in pair] + ["ε"]
    paths = [(1, 1, 2, 3, 4, 5, 6), (0, 1, 3, 4, 5, 5, 5)]
    x, y = lambda t: 120 + t * (WIDTH - 240) / (count - 1), lambda s: 20 + s * 60
    drawn = []
    for s, letter in enumerate(states):
        drawn.append(text(40, y(s) + 8, letter, "mono"))
        skip = 2 if s + 2 < len(states) and letter != "ε" and states[s + 2] != letter else 1
        for t in range(count - 1):
            drawn += [
                stroke([(x(t), y(s)), (x(t + 1), y(s + go))], "line", 1.5) for go in range(skip + 1) if s + go < len(states)
            ]
    for path, colour, off in zip(paths, ("accent", "second"), (-4, 4), strict=True):
        drawn.append(stroke([(x(t), y(s) + off) for t, s in enumerate(path)], colour, 5))
        told = "".join(states[s] for s in path)
        drawn.append(text(WIDTH - 100, y(path[-1]) + 8 + 3 * off, told, f"mono {'main' if colour == 'accent' else 'second'}"))
    drawn += [f'<circle cx="{x(t):.1f}" cy="{y(s)}" r="9" class="soft"/>' for t in range(count) for s in range(len(states))]
    drawn += [text(x(t), y(len(states) - 1) + 45, f"frame {t + 1}", "small middle") for t in range(count)]
    return "".join(drawn)


def errors(references: Sequence[str], hypotheses: Sequence[str]) -> str:
    """Draw aligned words of the worst texts, and the word error rate of all with a bootstrap interval."""
    found = [difference(reference, hypothesis) for reference, hypothesis in zip(references, hypotheses, strict=True)]
    wrong, words = (np.array([getattr(one, name) for one in found]) for name in ("errors", "words"))
    drawn, y = [], 40
    for k in np.argsort(-wrong)[:2]:
        for name, side in (("said", 0), ("read", 1)):
            drawn.append(text(0, y, name, "small"))
            at = 75
            for pair in found[k].pairs:
                other, width = pair[1 - side], max(len(word or "") for word in pair) * 13.5 + 14
                same = pair[side] == other
                drawn.append("" if same else box(at - 5, y - 22, width - 4, 30, "second", 0.25))
                drawn.append(text(at, y, pair[side] or "", "mono"))
                at += width
            y += 36
        y += 34
    draws = np.random.default_rng(0).integers(len(found), size=(2000, len(found)))
    rates = 100 * wrong[draws].sum(axis=1) / words[draws].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    counts, edges = np.histogram(rates, bins=np.arange(0, rates.max() + 1, 1))
    scale = lambda rate: 75 + rate * (WIDTH - 150) / edges[-1]  # noqa: E731
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        within = low <= (left + right) / 2 <= high
        tall = 110 * count / counts.max()
        drawn.append(box(scale(left), y + 120 - tall, scale(right) - scale(left) - 2, tall, "main", 0.8 if within else 0.25))
    told = f"{wrong.sum()} errors in {words.sum()} words: {100 * wrong.sum() / words.sum():.1f} %. "
    told += f"Draw the six sentences again 2,000 times: the middle 95 % lie between {low:.0f} and {high:.0f} %."
    drawn += [text(scale(rate), y + 145, f"{rate:.0f} %", "small middle") for rate in edges[::4]]
    return "".join([*drawn, text(0, y + 180, told, "small")])


def slide(title: str, said: str, figure: str, alt: str, question: str, notebook: str) -> str:
    """Give the HTML of a slide."""
    return f"""<section>
<h1>{title}</h1>
<p>{said}</p>
<div class="figure"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(alt)}">{figure}</svg></div>
<p class="ask"><b>Question.</b> {question}</p>
<p class="place"><a href="{notebook}/index.html">Notebook {notebook[:2]}</a> · w2vkit, CC BY 4.0</p>
</section>"""


def slides() -> list[str]:
    """Compute the figures and give the slides."""
    model = CTCModel.load("w2v-mini", device="cpu", dtype="float32")
    clips = [load(clip.path) for clip in examples()]
    found = model.emit(clips)
    clip, emissions = clips[0], found[0]
    words = greedy(emissions).words
    # Three words around one with a double letter: it shows why CTC needs the blank.
    middle = next(k for k, word in enumerate(words) if k and any(len(list(run)) > 1 for _, run in groupby(word.text)))
    start, end = words[middle - 1].start, words[middle + 1].end
    first, last = (round((time - emissions.start_seconds) / emissions.frame_seconds) for time in (start, end))
    spoken = " ".join(word.text for word in words[middle - 1 : middle + 2])
    return [
        slide(
            "Sound is a list of numbers",
            "A microphone measures the air pressure 16,000 times a second.",
            sound(clip, words[middle].start + 0.1),
            "A waveform, and below it 10 ms of it as single samples.",
            "How many numbers are there in one minute of speech?",
            "02_sound_as_numbers",
        ),
        slide(
            "The network looks through small windows",
            "Convolutions turn each window into a list of features: a frame.",
            frames(clip, words[middle].start, model.receptive_field / model.sample_rate, emissions.frame_seconds),
            "0.3 s of a waveform; below it overlapping bars, one for the stretch that each frame sees.",
            "How many frames does one second have? How many letters do you say in it?",
            "03_what_the_convolutions_hear",
        ),
        slide(
            "Each frame gives a probability to every letter",
            f"Somebody says {spoken}. The stronger the colour, the likelier the letter.",
            heat(emissions, first, last),
            "Letters by frames. Each letter is likely in a few frames only, and between them the blank and the space are.",
            "Where is the blank likely, and what may it be good for?",
            "05_letters_from_frames",
        ),
        slide(
            "From labels to text",
            "One rule makes text of the labels: join runs, then drop the blanks.",
            collapse(emissions, first, last),
            f"The most likely label of each frame, the joined runs, and the text {spoken}.",
            "What would be read without a blank between two equal letters?",
            "05_letters_from_frames",
        ),
        slide(
            "Training adds up all paths",
            "Nobody says when each letter is spoken. CTC adds up all paths that spell the word (ε: blank).",
            lattice(),
            "The states of BEE with blanks, by seven frames, with the allowed steps and two paths drawn through them.",
            "Find a third path. Why may none go from the first E straight to the second?",
            "06_ctc_by_hand",
        ),
        slide(
            "How wrong is it?",
            "Errors are the fewest words to substitute, delete or insert, divided by the words that were said.",
            errors([one.text for one in examples()], [greedy(one).text for one in found]),
            "Two sentences as said and as read, with the differing words marked, and a histogram of word error rates.",
            "Would a difference of two points on these six sentences convince you?",
            "09_how_wrong_is_it",
        ),
    ]


def main() -> None:
    """Write the page."""
    head = f"""<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>How sound becomes text: six slides</title>
<link rel="icon" href="../favicon.svg">
<style>
{STYLE.read_text(encoding="utf-8")}</style>"""
    page = "\n".join(
        ["<!doctype html>", '<html lang="en">', f"<head>{head}</head>", "<body>", *slides(), "</body>", "</html>\n"]
    )
    PAGE.write_text(page, encoding="utf-8")
    print(f"{PAGE.name}: {PAGE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
