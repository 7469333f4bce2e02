"""The labels of a CTC model, and what each of them means: the one home of their quirks."""

from dataclasses import dataclass
from functools import cached_property

from w2vkit.errors import EmissionsError


@dataclass(frozen=True)
class Vocabulary:
    """What each column of an emission matrix stands for.

    Attributes
    ----------
    labels : tuple of str
        One label per column, as the checkpoint spells it.
    blank : int
        The column of CTC's blank, which separates repeated characters and fills silence.
    word_boundary : int or None
        The column that ends a word; None where words are not separated (phoneme models).
    special : frozenset of int
        Columns that are never text, such as ``<s>``; the blank is one of them.
    """

    labels: tuple[str, ...]
    blank: int
    word_boundary: int | None
    special: frozenset[int]

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            doubled = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise EmissionsError(f"The vocabulary has labels twice: {doubled}. Each column needs a label of its own.")
        columns = {self.blank, *self.special, self.blank if self.word_boundary is None else self.word_boundary}
        if not all(0 <= column < len(self.labels) for column in columns):
            raise EmissionsError(
                f"The blank, word boundary or a special label lies outside the {len(self.labels)} labels. "
                "Check the tokenizer's vocab.json against the model's vocab_size."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, labels: str | list[str], blank: str = "<pad>", word_boundary: str | None = "|") -> "Vocabulary":
        """Build a vocabulary from its labels; everything in angle brackets is special.

        Raises
        ------
        EmissionsError
            The blank or the word boundary is not among the labels.
        """
        labels = list(labels)
        for role, label in (("blank", blank), ("word boundary", word_boundary)):
            if label is not None and label not in labels:
                raise EmissionsError(f"The {role} {label!r} is not among the labels {labels}. Name the one that is.")
        special = {i for i, label in enumerate(labels) if label == blank or (label[:1] == "<" and label[-1:] == ">")}
        boundary = None if word_boundary is None else labels.index(word_boundary)
        return cls(tuple(labels), labels.index(blank), boundary, frozenset(special))

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of every character that can be spelled; a space is the word boundary."""
        spelled = {label: i for i, label in enumerate(self.labels) if i not in self.special}
        if self.word_boundary is not None:
            spelled.pop(self.labels[self.word_boundary], None)
            spelled[" "] = self.word_boundary
        return spelled

    def shown(self, column: int) -> str:
        """Name a column for people: a space for the word boundary, ``blank`` for the blank."""
        if column == self.blank:
            return "blank"
        return "space" if column == self.word_boundary else self.labels[column]
