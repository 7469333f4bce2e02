"""Spells a text with a model's labels.

Words are separated by spaces; the result keeps their original spelling. The rules for each word:

1. A character that is a label is kept; otherwise its upper or lower case is tried.
2. An apostrophe of any shape between two letters is ``'``; at a word's edge it is a quotation mark.
3. Digits become English words if the labels can spell these and include no digits: ``42`` FORTY TWO,
   ``1,200`` ONE THOUSAND TWO HUNDRED, ``3.5`` THREE POINT FIVE, ``21st`` TWENTY FIRST. Up to six digits are
   read as a number; more digits, and those that start with 0, are read one by one.
4. Accents and ligatures are decomposed (``é`` E, ``ﬁ`` FI, ``ß`` SS) if the character itself is no label.
5. Hyphens, dashes, slashes and symbols (``+``, ``$``, ``>>``, ``|``, notes, emoji) separate words, as they have no sound;
   all other punctuation is dropped.
6. Any other character, such as a letter of another script, becomes a `WILDCARD`.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby

from w2vkit.emissions import Vocabulary

WILDCARD = -1  # instead of a column: matches any character
SEPARATORS = frozenset("/")  # and all of Unicode's category dash and its symbols
APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\uff07\u00b4`", "'"))  # before NFKD turns some of them into spaces
WHOLE = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "&": " and ", "%": " percent "}
NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?!,?\d)|\d+)(?:\.(\d+)|(st|nd|rd|th)\b)?", re.ASCII | re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”\u2019)])\s+")

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
ORDINALS |= {"twelve": "twelfth"}


@dataclass(frozen=True)
class SpelledWord:
    """A word of the text and the labels that spell it.

    Attributes
    ----------
    text : str
        The original spelling.
    segment : int
        The number of its line or sentence in the text.
    columns : tuple of int
        Columns of the vocabulary, or `WILDCARD`; there is a word boundary between the words of ``42``.
    characters : tuple of str
        The character of each column: its label, a space, or the one for which a wildcard stands.
    """

    text: str
    segment: int
    columns: tuple[int, ...]
    characters: tuple[str, ...]


def lines_of(text: str) -> list[str]:
    """Split a text into its lines; empty ones are left out."""
    return [line for line in text.splitlines() if line.strip()]


def segments_of(text: str) -> list[str]:
    """Split a text into its lines; a text of one line into its sentences."""
    lines = lines_of(text)
    return lines if len(lines) > 1 else [part for line in lines for part in SENTENCE.split(line.strip())]


def spell(text: str, vocabulary: Vocabulary) -> list[SpelledWord]:
    """Spell a text with the labels of a vocabulary, by the rules at the top of this file.

    Parameters
    ----------
    text : str
        In any case, with punctuation, digits and accents.
    vocabulary : Vocabulary

    Returns
    -------
    list of SpelledWord
        Words that are only punctuation are left out.
    """
    labels = vocabulary.columns
    # If the labels cannot spell English numbers, a digit becomes one wildcard instead of one per letter.
    numbers = "1" not in labels and all(_columns(letter, labels) for letter in set("".join((*UNITS, *TENS))))
    spelled = []
    for number, segment in enumerate(segments_of(unicodedata.normalize("NFC", text))):
        for word in segment.split():
            if pairs := _spell_word(word, vocabulary, numbers):
                columns, characters = zip(*pairs, strict=True)
                spelled.append(SpelledWord(word, number, columns, characters))
    return spelled


def say_number(digits: str) -> str:
    """Spell digits out in English: up to six as a number, more of them one by one."""
    if len(digits) > 6 or (digits[0] == "0" and len(digits) > 1):
        return " ".join(UNITS[int(digit)] for digit in digits)
    number = int(digits)
    if number < 20:
        return UNITS[number]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {say_number(str(number % size))}" if number % size else ""
            return f"{say_number(str(number // size))} {name}{rest}"
    return TENS[number // 10] + (f" {UNITS[number % 10]}" if number % 10 else "")


def _say_ordinal(digits: str) -> str:
    before, _, last = say_number(digits).rpartition(" ")
    ordinal = ORDINALS.get(last) or (last[:-1] + "ie" if last.endswith("y") else last.removesuffix("e")) + "th"
    return f"{before} {ordinal}".strip()


def _say(match: re.Match[str]) -> str:
    whole, decimals, suffix = match.groups()
    whole = whole.replace(",", "")
    if suffix:
        return f" {_say_ordinal(whole)} "
    return f" {say_number(whole)} point {' '.join(UNITS[int(d)] for d in decimals)} " if decimals else f" {say_number(whole)} "


def _spell_word(word: str, vocabulary: Vocabulary, numbers: bool) -> list[tuple[int, str]]:
    """Give the column and the character of every label of a word."""
    word = (NUMBER.sub(_say, word) if numbers else word).translate(APOSTROPHES)
    pairs = []
    for i, character in enumerate(word):
        found = [] if character == "'" and not _between_letters(word, i) else _map(character, vocabulary.columns)
        pairs += [(column, character if column == WILDCARD else vocabulary.labels[column]) for column in found]
    return _trim(pairs, vocabulary.word_boundary)


def _trim(pairs: list[tuple[int, str]], boundary: int | None) -> list[tuple[int, str]]:
    """Keep one word boundary between two words and none at the ends."""
    trimmed: list[tuple[int, str]] = []
    words = [list(group) for edge, group in groupby(pairs, key=lambda pair: pair[0] == boundary) if not edge]
    for word in words:
        trimmed += [(boundary, " "), *word] if trimmed and boundary is not None else word
    return trimmed


def _between_letters(word: str, i: int) -> bool:
    return word[i - 1 : i].isalpha() and word[i + 1 : i + 2].isalpha()


def _map(character: str, labels: dict[str, int]) -> list[int]:
    """Give the columns of a character: several, none for punctuation, or a wildcard."""
    if found := _columns(character, labels):
        return found
    category = unicodedata.category(character)
    if character.isspace() or category == "Pd" or category[0] == "S" or character in SEPARATORS:
        return [labels[" "]] if " " in labels else []
    if character.lower() in WHOLE:
        parts = WHOLE[character.lower()]
    else:
        decomposed = unicodedata.normalize("NFKD", character.casefold())
        parts = "".join(c for c in decomposed if not unicodedata.combining(c))
    found = [_columns(part, labels) for part in parts]
    if parts and all(found):
        return [column for part in found for column in part]
    return [] if category[0] in "PMCZ" else [WILDCARD]


def _columns(character: str, labels: dict[str, int]) -> list[int]:
    """Find a character, or its other case, among the labels."""
    for form in (character, character.upper(), character.lower()):
        if form and all(letter in labels for letter in form):
            return [labels[letter] for letter in form]
    return []
