"""Spoken numbers in words, as texts for synthetic voices."""

import random

DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
TEENS = "TEN ELEVEN TWELVE THIRTEEN FOURTEEN FIFTEEN SIXTEEN SEVENTEEN EIGHTEEN NINETEEN".split()
TENS = "TWENTY THIRTY FORTY FIFTY SIXTY SEVENTY EIGHTY NINETY".split()


def number_text(rng: random.Random) -> str:
    """Say a single digit (often), a run of digits, or a number below one thousand."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(DIGITS)
    if kind < 0.8:
        return " ".join(rng.choice(DIGITS) for _ in range(rng.randint(2, 8)))
    below_hundred = rng.choice([*TEENS, *(f"{ten} {one}" for ten in TENS for one in DIGITS[1:])])
    return f"{rng.choice(DIGITS[1:])} HUNDRED {below_hundred}" if kind > 0.9 else below_hundred
