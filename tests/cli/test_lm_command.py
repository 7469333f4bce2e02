"""The command `w2vkit lm build`, and the options of the decoder."""

import argparse

import pytest
from support.emissions import ambiguous

from w2vkit.cli import decoder as cli_decoder
from w2vkit.cli import lm
from w2vkit.decode import decoder_settings, greedy
from w2vkit.decode.lm import NGram, Weights, load, save_weights
from w2vkit.decode.lm.build import build_ngram
from w2vkit.decode.lm.language_model import KENLM_MAGIC
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


def test_a_model_is_converted_with_its_weights(tmp_path, capsys):
    build_ngram([["THE", "CAT"], ["A", "CAT"]], 2, output=tmp_path / "model.arpa")
    save_weights(tmp_path / "model.arpa", Weights(0.7, 2.5))
    for source, output in (("model.arpa", "small.npz"), ("small.npz", "again.arpa.gz")):
        options = parse("lm", "convert", str(tmp_path / source), str(tmp_path / output))
        assert options.run(options) == 0
        assert "11 n-grams" in capsys.readouterr().err
        model, first = load(tmp_path / output), load(tmp_path / "model.arpa")
        assert isinstance(model, NGram) and isinstance(first, NGram)
        assert model.weights == Weights(0.7, 2.5)
        assert model.score("THE CAT") == pytest.approx(first.score("THE CAT"), abs=1e-4)


@pytest.mark.parametrize("name", ["model.json", "model.txt", "model.npx", "model", "model.NPZ"])
def test_a_file_whose_name_says_no_format_is_refused(tmp_path, name):
    """The weights of x.json would be written to x.json, in place of the model."""
    (tmp_path / "text.txt").write_text("the cat\n", encoding="utf-8")
    build_ngram([["THE", "CAT"]], 2, output=tmp_path / "first.arpa")
    save_weights(tmp_path / "first.arpa", Weights(0.7, 2.5))
    output = tmp_path / name
    convert = parse("lm", "convert", str(tmp_path / "first.arpa"), str(output))
    for options in (convert, parse("lm", "build", str(tmp_path / "text.txt"), "--output", str(output))):
        with pytest.raises(LanguageModelError, match=r"End it in \.npz"):
            options.run(options)
        assert not output.exists()


def test_weights_of_an_older_model_of_the_same_name_are_said(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("the cat\n", encoding="utf-8")
    build_ngram([["THE", "CAT"]], 2, output=tmp_path / "other.arpa")
    save_weights(tmp_path / "model.npz", Weights(0.7, 2.5))
    for arguments in (("build", "text.txt", "--output", "model.npz"), ("convert", "other.arpa", "model.arpa")):
        options = parse("lm", *(str(tmp_path / word) if "." in word else word for word in arguments))
        assert options.run(options) == 0
        assert f"{tmp_path / 'model.json'} was there before" in capsys.readouterr().err


def test_the_n_grams_of_kenlm_cannot_be_listed(tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    path.write_bytes(KENLM_MAGIC + bytes(100))
    monkeypatch.setattr(lm, "load", lambda path: object())
    options = parse("lm", "convert", str(path), str(tmp_path / "model.npz"))
    with pytest.raises(LanguageModelError, match="Give its ARPA file"):
        options.run(options)


def test_lm_build_prunes_and_cuts_the_vocabulary(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat\nthe cat ran\nthe dog sat\na cat sat\n", encoding="utf-8")
    output = tmp_path / "model.npz"
    options = parse("lm", "build", str(text), "--prune-entropy", "0.01", "--vocabulary", "3", "--output", str(output))
    assert options.run(options) == 0
    listed = capsys.readouterr().err
    assert "6 1-grams" in listed and "0 3-grams" not in listed
    model = load(output)
    assert isinstance(model, NGram) and set(model.words) == {"<unk>", "<s>", "</s>", "the", "cat", "sat"}
