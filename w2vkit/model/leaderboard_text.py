"""The English text normaliser of the Open ASR Leaderboard as of 2026, built on Whisper's.

Source: https://github.com/huggingface/open_asr_leaderboard, ``normalizer/normalizer.py``. It differs from Whisper's in these:
more fillers are dropped ("er", "ah", "huh"); times are written alike ("half past two", "2:30"); ``'s`` becomes "is" only after
words such as "it" and "that"; "oh" is a digit only among digits; letters that stand alone are joined ("b b c"); and lists of
names ("Ann", "Anne") and compounds ("e mail", "email") are added.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from transformers.models.whisper.english_normalizer import (
    EnglishNumberNormalizer,
    EnglishTextNormalizer,
    remove_symbols_and_diacritics,
)

from w2vkit.errors import ModelError
from w2vkit.model.whisper_text import spellings

LISTS = "https://raw.githubusercontent.com/huggingface/open_asr_leaderboard/main/normalizer/english_abbreviations.py"
NAMES = ("english_spelling_normalizer", "english_name_normalizer", "english_compound_normalizer")
FILLERS = (
    *(
        "ah-ha",
        "a+h+m*",
        "a+h+a+",
        "e+h+m*",
        "e+m+",
        "e+r+m*",
        "h+a+h+",
        "h+e+h+",
        "h+m+",
        "h+u+h+",
        "m{2,}",
        "m+h+m*",
        "t+s+k+",
    ),
    *("u+g+h+", "u+h+m*", "u+h+u+[hm]*", "u+m+h*", "ahem", "eheh", "ehehe", "ehr", "hmmph", "hum", "hunh", "mhum", "mmkay"),
)
BEFORE_IS = "it he she what that who here there how when where why this".split()
WORD_OH = "\ue000"  # stands for an "oh" that is not a digit, while numbers are read
CLOCK = r"o\s*['\u2019]?\s*clock"


def lists_file() -> Path:
    """Give the path at which the leaderboard's lists of words are expected; they are not part of w2vkit."""
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME) / "w2vkit" / "english_abbreviations.py"


def leaderboard_normaliser() -> tuple[Callable[[str], str], bool]:
    """Give the normaliser, and whether the leaderboard's lists of words are on this machine.

    Without them Whisper's list of British spellings is used, where it is there.

    Raises
    ------
    ModelError
        The file of the lists is damaged.
    """
    file = lists_file()
    if not file.is_file():
        return LeaderboardNormaliser(spellings() or {}, {}, {}), False
    return LeaderboardNormaliser(*read_lists(file)), True


def read_lists(file: Path) -> list[dict[str, str]]:
    """Read the dictionaries of spellings, names and compounds; the file is parsed and never run.

    Raises
    ------
    ModelError
        It does not hold them.
    """
    try:
        found = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in NAMES
        }
        return [{str(key): str(value) for key, value in found[name].items()} for name in NAMES]
    except (OSError, ValueError, SyntaxError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{file} does not hold the leaderboard's lists of words. Download it again from {LISTS}, or remove it."
        ) from error


class LeaderboardNormaliser(EnglishTextNormalizer):
    """Whisper's normaliser with the leaderboard's changes.

    Parameters
    ----------
    spelling, names : dict
        A word, and what is written for it.
    compounds : dict
        Regular expressions, and what is written for them.
    """

    def __init__(self, spelling: dict[str, str], names: dict[str, str], compounds: dict[str, str]) -> None:
        super().__init__(spelling)
        self.ignore_patterns = rf"\b({'|'.join(FILLERS)})\b"
        narrow = {r"'s\b": (rf"\b({'|'.join(BEFORE_IS)})'s\b", r"\1 is")}
        self.replacers = dict(narrow.get(pattern, (pattern, to)) for pattern, to in self.replacers.items())
        self.standardize_numbers = _Numbers()
        self._times = _Times(self.standardize_numbers)
        self._names, self._compounds = names, compounds

    def __call__(self, s: str) -> str:
        """Normalise a text."""
        s = re.sub(r"\(([^)]+?)\)", "", re.sub(r"[<\[][^>\]]*[>\]]", "", s.lower()))
        s = self._times(re.sub(r"\s+'", "'", re.sub(self.ignore_patterns, "", s)))
        for pattern, to in self.replacers.items():
            s = re.sub(pattern, to, s)
        s = re.sub(r"\.(?![0-9])", " ", re.sub(r"(\d),(\d)", r"\1\2", s))
        s = remove_symbols_and_diacritics(s, keep=".%$¢€£")
        for pattern, to in self._compounds.items():
            s = re.sub(pattern, to, s)
        s = self.standardize_spellings(self.standardize_numbers(s))
        s = " ".join(_joined_letters([self._names.get(word, word) for word in s.split()]))
        s = re.sub(r"[.$¢€£](?![0-9])|(?<![0-9])%", " ", s)  # signs that belong to no number
        return re.sub(r"\s+", " ", s)


class _Numbers(EnglishNumberNormalizer):
    """Number words as digits, where "oh" is a digit only if digits follow, and either a number is before it or two follow."""

    def process_words(self, words: list[str]) -> Iterator[str]:
        read: list[str] = []
        for place, word in enumerate(words):
            if word == "oh":
                follow = [self._digit(after) for after in (*words[place + 1 : place + 3], "", "")]
                digit = follow[0] and (self._open(read) or follow[1])
                word = "zero" if digit or read[-1:] in (["double"], ["triple"]) else WORD_OH
            read.append(word)
        return ("oh" if word == WORD_OH else word for word in super().process_words(read))

    def _digit(self, word: str) -> bool:
        return bool(re.fullmatch(r"\d+", word)) or word in self.zeros or word in self.ones or word in self.tens

    def _open(self, before: list[str]) -> bool:
        """Whether these words end within a number, which could go on."""
        if before[-1:] == ["and"]:
            return before[-2:-1] != [] and before[-2] in self.multipliers
        last = before[-1] if before else ""
        number = re.fullmatch(r"\d+(\.\d+)?", last[1:] if last[:1] in self.prefixes else last)
        return bool(number) or last == "point" or last in self.multipliers or self._digit(last)


class _Times:
    """Times of the clock as digits: "quarter to three", "seven o'clock" and "07:00" as "2:45", "7" and "7"."""

    def __init__(self, numbers: _Numbers) -> None:
        self._numbers = numbers
        digits, small = ("|".join(w for w, value in numbers.ones.items() if value < top) for top in (10, 20))
        number = rf"(?:[0-9]{{1,2}}|(?:twenty|thirty|forty|fifty)(?:[\s-]+(?:{digits}))?|{small}|zero)"
        self._relative = re.compile(
            rf"(?<![\w.:])(half|(?:a\s+)?quarter|{number}\s+minutes?)\s+(past|after|to|before)\s+({number})(?:\s+{CLOCK})?\b"
        )
        self._full = re.compile(rf"(?<![\w.:])({number})\s+{CLOCK}\b")
        self._written = re.compile(r"(?<![\w:./])([01]?[0-9]|2[0-3]):([0-5][0-9])(?![\w:]|\.[0-9])")

    def __call__(self, text: str) -> str:
        text = self._relative.sub(self._of_relative, text)
        text = self._full.sub(self._of_full, text)
        return self._written.sub(lambda m: str(int(m[1])) + (f":{m[2]}" if int(m[2]) else ""), text)

    def _value(self, text: str) -> int:
        value = self._numbers(text.replace("-", " ")).strip()
        return 1 if value == "one" else int(value)

    def _of_relative(self, match: re.Match[str]) -> str:
        amount, hour = match[1], self._value(match[3])
        minute = (
            30 if amount == "half" else 15 if amount.endswith("quarter") else self._value(re.sub(r"\s+minutes?$", "", amount))
        )
        if hour > 23 or minute > 59:
            return match[0]
        if match[2] in ("to", "before") and minute:
            hour, minute = ((hour - 2) % 12 + 1 if 1 <= hour <= 12 else (hour - 1) % 24), 60 - minute
        return f"{hour}:{minute:02d}"

    def _of_full(self, match: re.Match[str]) -> str:
        hour = self._value(match[1])
        return match[0] if hour > 23 else f"{hour}:00"


def _joined_letters(words: list[str]) -> Iterator[str]:
    """Join runs of two or more single letters and digits; of three or more where "a" or "i", which are words, is among them."""
    run: list[str] = []
    for word in [*words, ""]:
        if len(word) == 1 and word.isalnum():
            run.append(word)
            continue
        if len(run) >= (3 if {"a", "i"} & set(run) else 2):
            run = ["".join(run)]
        yield from run
        run = []
        if word:
            yield word
