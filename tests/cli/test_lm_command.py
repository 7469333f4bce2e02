"""The command `w2vkit lm build`, and the options of the decoder."""

import argparse

import pytest
from support.emissions import ambiguous

from w2vkit.cli import decoder as cli_decoder
from w2vkit.cli import lm
from w2vkit.decode import decoder_settings, greedy
from w2vkit.decode.lm import Weights, save_weights
from w2vkit.decode.lm.build import build_ngram
from w2vkit.errors import DecodingError, LanguageModelError


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    lm.add(commands)
    transcribe = commands.add_parser("transcribe")
    cli_decoder.add_decoder_options(transcribe, default="greedy")
    return parser.parse_args(arguments)


def test_a_language_model_of_a_subject_changes_the_text(tmp_path, capsys):
    text = tmp_path / "cats.txt"
    text.write_text("The cat sat.\nA cat, a cat!\nCats sat on the mat.\n", encoding="utf-8")
    for name, more in (("words.arpa.gz", ()), ("characters.arpa", ("--characters", "--order", "5"))):
        output = str(tmp_path / name)
        options = parse("lm", "build", str(text), "--prune", "0", "--output", output, *more)
        assert options.run(options) == 0
        assert "1-grams" in capsys.readouterr().err
        decode = cli_decoder.decoder(parse("transcribe", "--lm", output, "--alpha", "1", "--nbest", "2"))
        assert decode
        emissions = ambiguous("T", "H", "E", " ", "KC", "A", "T", " ", "S", "A", "T")
        assert (greedy(emissions).text, decode(emissions).text) == ("THE KAT SAT", "THE CAT SAT")
        assert len(decode(emissions).alternatives) == 1


def test_options_choose_the_decoder():
    emissions = ambiguous("KC", "A", "T")
    assert cli_decoder.decoder(parse("transcribe")) is None
    assert cli_decoder.decoder(parse("transcribe", "--decoder", "greedy")) is greedy
    for given, text in ((["--hotword", "cat=4", "--hotword", "CAN"], "CAT"), (["--decoder", "beam"], "KAT")):
        decode = cli_decoder.decoder(parse("transcribe", *given))
        assert decode and decode(emissions).text == text
    for wrong in (["--alpha", "1"], ["--decoder", "greedy", "--nbest", "2"], ["--hotword", "cat=x"], ["--beam-width", "0"]):
        with pytest.raises(DecodingError):
            cli_decoder.decoder(parse("transcribe", *wrong))


def test_the_settings_of_an_evaluation_hold_the_weights_that_were_used(tmp_path):
    """A resumed evaluation must not mix texts that were decoded with different weights."""
    path = tmp_path / "model.arpa"
    build_ngram([["CAT"]], 1, output=path)
    save_weights(path, Weights(0.7, 2.5))
    for given, expected in (((), (0.7, 2.5)), (("--beta", "0"), (0.7, 0.0))):
        options = parse("transcribe", "--lm", str(path), *given)
        found = decoder_settings(cli_decoder.decoder(options))
        assert (found["alpha"], found["beta"]) == expected


@pytest.mark.parametrize("content", [None, b"caf\xe9", b" \n"])
def test_unusable_texts_are_refused(tmp_path, content):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    options = parse("lm", "build", str(path), "--output", str(tmp_path / "x.arpa"))
    with pytest.raises(LanguageModelError, match=r"Check the path|Convert it|one sentence per line"):
        options.run(options)
