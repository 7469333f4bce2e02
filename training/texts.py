"""Text for the language model: the training transcripts and old books that Debian packages carry (public domain).

``apt-get download bible-kjv-text r-cran-janeaustenr dict-gcide``, ``dpkg -x`` of each into one folder, and ``bible-kjv``
installed (it unpacks its text). One upper-case sentence a line, as the transcripts are written.
"""

import argparse
import gzip
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

from training.corpora import Corpus

SPOKEN = {"MR": "MISTER", "MRS": "MISSUS", "DR": "DOCTOR", "ST": "SAINT"}
R_STRING = re.compile(rb"\x00\x04\x00\x09(....)", re.DOTALL)  # R's serialised character strings: flags, length


def sentences(text: str) -> Iterator[str]:
    """Split prose into upper-case sentences of A-Z and apostrophes; sentences with digits are left out."""
    for sentence in re.split(r"(?<=[.!?;:])[\"')\]]*\s+", " ".join(text.split())):
        words = re.sub(r"[^A-Z' ]", " ", sentence.upper().replace("\u2019", "'")).split()
        words = [SPOKEN.get(word, word) for word in (word.strip("'") for word in words) if word]
        if len(words) >= 3 and not any(c.isdigit() for c in sentence):
            yield " ".join(words)


def austen(folder: Path) -> Iterator[str]:
    """Six novels out of the R package's database: zlib streams of serialised strings, each a line."""
    data = (folder / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb").read_bytes()
    position = 0
    while position < len(data) - 4:
        stream = zlib.decompressobj()
        unpacked = stream.decompress(data[position + 4 :])
        position = len(data) - len(stream.unused_data)
        lines = []
        for match in R_STRING.finditer(unpacked):
            (length,) = struct.unpack(">i", match[1])
            lines.append(unpacked[match.end() : match.end() + max(0, length)].decode("utf-8", "replace"))
        yield from sentences(" ".join(lines).replace("_", ""))


def bible() -> Iterator[str]:
    """The King James Bible, verse by verse."""
    printed = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    for verse in printed.stdout.decode("utf-8", "replace").splitlines():
        yield from sentences(verse.partition(" ")[2])


def quotations(folder: Path) -> Iterator[str]:
    """What Webster's dictionary of 1913 quotes from literature: paragraphs that end with an author's name."""
    text = gzip.decompress((folder / "usr/share/dictd/gcide.dict.dz").read_bytes()).decode("utf-8", "replace")
    for paragraph in text.split("\n\n"):
        for quoted in re.split(r"\n\s*\[1913 Webster\]|\n\s*\d+\. ", paragraph):
            body, dashes, author = quoted.rpartition("--")
            if dashes and author[:1].isupper() and not re.search(r"[\[\]{}\\:]", body):
                yield from sentences(body)


def main() -> None:
    """Write the sentences to a file, the transcripts several times, since speech like theirs will be recognised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, help="folder into which the packages were unpacked")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--target", type=Path, default=Path("training/runs/text.txt"))
    arguments = parser.parse_args()
    transcripts = [u.text for u in Corpus(arguments.data).train if u.corpus != "synthetic"]
    parts = [transcripts * 2, austen(arguments.books), bible(), quotations(arguments.books)]
    with arguments.target.open("w") as file:
        for part in parts:
            lines = list(part)
            file.writelines(f"{line}\n" for line in lines)
            print(f"{len(lines)} sentences, {sum(len(line.split()) for line in lines)} words")


if __name__ == "__main__":
    main()
