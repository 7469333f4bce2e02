"""The command ``w2vkit evaluate``: measures error rates on a data set, prints a table and writes reports."""

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.cli.common import (
    add_engine_options,
    add_model_options,
    add_speed_options,
    check_output,
    from_environment,
    load_model,
    say,
    start_cluster,
)
from w2vkit.cli.decoder import add_decoder_options, decoder, reading
from w2vkit.errors import EvaluationError, printable, printable_json, printable_name, utf8
from w2vkit.pipeline.files import locked
from w2vkit.pipeline.journal import RESULTS
from w2vkit.pipeline.shards import SHARDS

if TYPE_CHECKING:
    from w2vkit.pipeline.datasets import Corpus

AS_JSON, AS_HTML, AS_YAML = "evaluation.json", "report.html", "model-index.yml"
FOR_HUB = ".eval_results"  # folder of the files that the Hub reads beside a model
FORMATS = {
    "manifest": ("manifest.jsonl",),
    "trn": ("reference.trn", "hypothesis.trn"),
    "stm": ("reference.stm", "hypothesis.stm"),
}
SHOWN_FAILURES = 10
ABOUT = """
sources:
  openslr/librispeech_asr --config clean   a data set on the Hugging Face Hub (split test unless told otherwise)
  speech.parquet, a folder of them         columns audio and text
  LibriSpeech/test-clean                   a folder with *.trans.txt
  list.csv, list.tsv, list.jsonl           columns of audio paths and texts
"""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "evaluate",
        help="measure word and character error rates",
        description="Measure a model's word and character error rates on a data set.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="a data set, see below")
    parser.add_argument("--config", help="configuration of a Hub data set, such as clean")
    parser.add_argument("--split", help="split of a Hub data set or of a folder, such as test")
    parser.add_argument("--text-column", help="column of the transcripts (default: text, sentence, ...)")
    parser.add_argument(
        "--scoring",
        choices=("card", "whisper", "leaderboard"),
        default="card",
        help="raw text (card, the default), Whisper's normaliser, or as the Open ASR Leaderboard scores today",
    )
    parser.add_argument(
        "--keywords", type=Path, metavar="FILE", help="measure how many of these words and phrases are recognised, one per line"
    )
    parser.add_argument(
        "--hypotheses",
        type=Path,
        metavar="FILE",
        help="score the texts of another system, by id, without a model; SOURCE may then be a file of texts, too "
        "(the forms: w2vkit compare --help)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="evaluate N utterances only")
    parser.add_argument("--shuffle", action="store_true", help="with --limit: a random sample, not the first ones")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help=f"write {RESULTS}, {AS_JSON}, {AS_HTML}, {AS_YAML} and, for data of the Hub, {FOR_HUB} here; an interrupted run "
        "resumes from them",
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        default=[],
        help="with --output-dir: also write the texts as they were scored for NeMo (manifest) or NIST's sclite (trn, stm); "
        "can be repeated",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="with --output-dir: replace reports of another origin",
    )
    parser.add_argument("--with-audio", action="store_true", help="put players for the worst utterances into the report")
    add_decoder_options(parser, default="greedy")
    add_engine_options(parser)
    add_speed_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate; the exit status is 0 if every utterance was transcribed, 1 if some failed, 130 after Ctrl-C."""
    if options.with_audio and not options.output_dir:
        raise EvaluationError("--with-audio adds sound to the report. Add --output-dir DIR.")
    if options.format and not options.output_dir:
        raise EvaluationError("--format writes files. Say where with --output-dir DIR.")
    corpus = _corpus(options)
    if not options.output_dir:
        return _evaluate(options, corpus)
    with locked(options.output_dir):
        _check_outputs(options)
        return _evaluate(options, corpus)


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse to replace reports beside which there are no transcripts of w2vkit, and to write over the data set."""
    folder: Path = options.output_dir
    formats = [name for chosen in options.format for name in FORMATS[chosen]]
    reports = [folder / name for name in (AS_JSON, AS_HTML, AS_YAML, *formats)]
    reports += sorted((folder / FOR_HUB).glob("*.yaml"))
    known = (folder / RESULTS).exists() or (folder / SHARDS).exists()
    inputs = [Path(options.source), *(file for file in (options.hypotheses, options.keywords) if file)]
    for path in (folder / RESULTS, *reports):
        check_output(path, inputs, overwrite=options.overwrite or known)


def _evaluate(options: argparse.Namespace, corpus: "Corpus") -> int:
    from w2vkit.cli.progress import Bar
    from w2vkit.decode import check_decoder, greedy
    from w2vkit.evaluate import evaluate
    from w2vkit.evaluate.report import table

    keywords = _keywords(options.keywords) if options.keywords else []
    if options.hypotheses:
        runner, results, decode = _texts(options)
    else:
        decode = decoder(options) or greedy
        runner, results = _runner(options)
        check_decoder(decode, runner.info.vocabulary)
        other = runner.info.language_model and not getattr(decode, "language_model", None)
        say(f"Decoding: {reading(decode)}" + ("; w2vkit transcribe uses the checkpoint's language model." if other else "."))
    try:
        with Bar(len(corpus), "utterances") as bar:
            evaluation = evaluate(runner, corpus, scoring=options.scoring, decode=decode, keywords=keywords, progress=bar.reach)
    except KeyboardInterrupt:
        kept = f"finished transcripts are in {results}; run the same command again to resume" if results else "nothing was kept"
        say(f"w2vkit: stopped; {kept}.")
        return 130
    print(printable(table(evaluation, corpus)), end="", flush=True)
    if options.output_dir:
        _write_all(options.output_dir, evaluation, corpus, formats=options.format, with_audio=options.with_audio)
    if evaluation.failures:
        say(f"{len(evaluation.failures)} of {len(corpus)} utterances failed:")
        for row in evaluation.failures[:SHOWN_FAILURES]:
            say(f"  {printable_name(row.id)}: {row.error}")
        if len(evaluation.failures) > SHOWN_FAILURES:
            say(f"  and {len(evaluation.failures) - SHOWN_FAILURES} more; all of them are in the report (--output-dir)")
    return 1 if evaluation.failures else 0


def _keywords(file: Path) -> list[str]:
    """Read words and phrases, one per line."""
    from w2vkit.pipeline.dataset_files import read_lines

    keywords = list(dict.fromkeys(" ".join(line.split()) for line in read_lines(file) if line.strip()))
    if not keywords:
        raise EvaluationError(f"{file} is empty. Write one word or phrase per line.")
    return keywords


def _corpus(options: argparse.Namespace) -> Any:
    """Open the data set; beside hypotheses, a file of references needs no sound."""
    from w2vkit.evaluate.hypotheses import reference_corpus
    from w2vkit.pipeline.datasets import open_corpus

    part = {"limit": options.limit, "shuffle": options.shuffle, "seed": options.seed}
    file = Path(options.source).expanduser()
    if options.hypotheses and file.is_file() and file.suffix.lower() != ".parquet":
        return reference_corpus(file, options.text_column, **part)
    return open_corpus(options.source, config=options.config, split=options.split, text_column=options.text_column, **part)


def _texts(options: argparse.Namespace) -> tuple[Any, Path | None, Any]:
    """Give a runner of the texts of another system, the file of its results, and the name of its decoder."""
    from w2vkit.evaluate.hypotheses import TextRunner, another_system, read_system

    named = options.model != from_environment("MODEL", "auto", "")["default"]  # W2VKIT_MODEL is for commands that load one
    computing = options.engine != "local" or named or any((options.threads, options.batch_seconds, options.compile))
    if computing or options.revision or decoder(options) or options.with_audio:
        raise EvaluationError(
            "--hypotheses scores texts as they are. Leave out the options of model, decoder, engine and sound, or --hypotheses."
        )
    if "stm" in options.format:
        raise EvaluationError("--format stm needs durations, which texts do not have. Choose --format trn, or leave it out.")
    results = options.output_dir / RESULTS if options.output_dir else None
    return TextRunner(read_system(options.hypotheses), results), results, another_system


def _runner(options: argparse.Namespace) -> tuple[Any, Path | None]:
    """Give the runner, local or on a cluster, and the place of its transcripts."""
    if options.engine == "local":
        from w2vkit.pipeline.bulk import LocalRunner

        results = options.output_dir / RESULTS if options.output_dir else None
        return LocalRunner(load_model(options), results, threads=options.threads), results
    cluster = start_cluster(options)
    from w2vkit.pipeline.cluster import ClusterRunner

    results = options.output_dir / SHARDS
    return ClusterRunner(cluster, results), results


def _write_all(folder: Path, evaluation: Any, corpus: Any, *, formats: list[str], with_audio: bool) -> None:
    from w2vkit.evaluate import exports
    from w2vkit.evaluate.html import to_html
    from w2vkit.evaluate.report import model_index, to_json
    from w2vkit.pipeline import files

    audio = _sounds(corpus, {one.id for one in evaluation.worst()}) if with_audio else None
    texts = {
        AS_JSON: to_json(evaluation, corpus),
        AS_YAML: model_index(evaluation, corpus),
        AS_HTML: to_html(evaluation, corpus, audio=audio),
    }
    if for_hub := exports.eval_results(evaluation, corpus):
        texts[f"{FOR_HUB}/{for_hub[0]}"] = for_hub[1]
    for name in formats:
        texts |= exports.FORMATS[name](evaluation)
    for name, text in texts.items():
        try:
            shown = printable_json if name.endswith((".json", ".jsonl")) else printable
            files.replace(folder / name, shown(utf8(text)).encode("utf-8"))
        except OSError as error:
            raise EvaluationError(
                f"{folder / name} could not be written: {error.strerror}. The transcripts beside it are kept: "
                "free space or correct the permissions, then run the same command again."
            ) from error
    say(f"Transcripts, {', '.join(texts)} written to {folder}")


def _sounds(corpus: Any, ids: set[str]) -> dict[str, bytes]:
    """Convert some utterances to FLAC files, which every browser plays."""
    import soundfile

    from w2vkit.audio import load

    sounds = {}
    for utterance in corpus:
        if utterance.id in ids and utterance.id not in sounds:
            try:
                waveform = load(utterance.audio)
            except Exception:
                continue  # a bad row may have the same id as a transcribed one
            file = io.BytesIO()
            soundfile.write(file, waveform.samples, waveform.sample_rate, format="FLAC", subtype="PCM_16")
            sounds[utterance.id] = file.getvalue()
    return sounds
