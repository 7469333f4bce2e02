"""The language model's text: books in the public domain.

``python -m training.books BOOKS`` reads ``books.txt.xz`` (sentences, one a line, capitals) and ``books.list`` (each book's
number of words and its name, in the same order) from the folder BOOKS. The development speakers are used to choose the model
and its weights. So a book is left out if it shares more than three runs of seven words with their texts: they read from it.
(One or two shared runs occur by chance.)
"""

import argparse
import lzma
from collections.abc import Iterator
from pathlib import Path

from training.corpora import Corpus

RUN = 7  # words
CHANCE = 3  # shared runs


def runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    """List all runs of seven words."""
    return (tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))


def books(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Give the name and the sentences of each book."""
    with lzma.open(folder / "books.txt.xz", "rt", encoding="utf-8") as file:
        for entry in (folder / "books.list").read_text(encoding="utf-8").splitlines():
            count, name = entry.split("\t", 1)
            lines, left = [], int(count)
            while left > 0:
                lines.append(next(file))
                left -= len(lines[-1].split())
            yield name, lines


def main() -> None:
    """Write the sentences of the other books to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, help="the folder with books.txt.xz and books.list")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--target", type=Path, default=Path("training/runs/books.txt"))
    arguments = parser.parse_args()
    spoken = {run for utterance in Corpus(arguments.data).dev for run in runs(utterance.text.split())}
    written = 0
    with arguments.target.open("w", encoding="utf-8") as file:
        for name, lines in books(arguments.books):
            shared = sum(run in spoken for line in lines for run in runs(line.split()))
            if shared > CHANCE:
                print(f"left out, {shared} shared runs of seven words: {name}")
            else:
                file.writelines(lines)
                written += sum(len(line.split()) for line in lines)
    print(f"{written} words in {arguments.target}")


if __name__ == "__main__":
    main()
