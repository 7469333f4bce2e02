"""Comparisons of systems, against NIST's SCTK, enumeration of all draws, and alignments by hand."""

import json
import random
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.speller import speller, utterances

from w2vkit.cli import main
from w2vkit.errors import W2VKitError
from w2vkit.evaluate import evaluate
from w2vkit.evaluate.compare import bootstrap, compare, matched_pairs, merge, segments
from w2vkit.evaluate.comparison_report import to_html, to_json
from w2vkit.evaluate.hypotheses import System, read_references, read_system, read_texts
from w2vkit.pipeline.journal import Result
from w2vkit.pipeline.shards import encode

NASTY = "<script>alert('&')</script>\"'"


def system(texts: dict[str, str], references: dict[str, str] | None = None, name: str = "s", speakers=None) -> System:
    given, speakers = references or {}, speakers or {}
    return System(name, {id: Result(id, speakers.get(id), None, given.get(id), text) for id, text in texts.items()})


def simulated(seed: int) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """References of 60 utterances, and two systems with errors of every kind at random; alignments are unambiguous."""
    draw = random.Random(seed)
    vocabulary = [f"W{k}" for k in range(400)]

    def noisy(words: list[str], rate: float) -> str:
        heard = []
        for word in words:
            x = draw.random()
            heard += [f"X{word}"] if x < rate else [] if x < 1.5 * rate else [f"Y{word}", word] if x < 2 * rate else [word]
        return " ".join(heard)

    texts = [draw.choices(vocabulary, k=draw.randint(3, 20)) for _ in range(60)]
    made = [[" ".join(text) for text in texts], [noisy(text, 0.12) for text in texts], [noisy(text, 0.09) for text in texts]]
    one, two, three = ({f"s{k % 5}-{k:03}": text for k, text in enumerate(those)} for those in made)
    return one, two, three


@pytest.mark.parametrize(
    ("seed", "count", "mean", "z"),
    [(1, 135, 0.444, 3.832), (2, 122, 0.459, 4.131), (3, 137, 0.387, 3.377), (6, 122, 0.344, 2.669)],
)
def test_mapsswe_is_that_of_nist(seed, count, mean, z):
    # Printed for these texts as trn files by SCTK 2.4.10: sclite -i wsj -p | sc_stats -p -t mapsswe -v.
    # NIST subtracts the second system from the first, so that its signs are the other way round.
    references, a, b = simulated(seed)
    (found,) = compare([system(a, references), system(b)]).differences
    assert found.segments and found.segments.segments == count
    assert found.segments.mean == pytest.approx(-mean, abs=0.0005)
    assert found.segments.z == pytest.approx(-z, abs=0.0005)


def test_segments_end_where_both_have_two_words_right():
    reference = "A B C D E F G H I"
    one = "A X C D E F Y H I"  # wrong at B and G
    two = "A B C D Z Z G H I J"  # wrong at E and F; J is too many
    (utterance,) = compare([system({"u": one}, {"u": reference}), system({"u": two})]).utterances
    # A | B | C D, then E F G, then H I, then J: the errors of `two` less those of `one`
    assert list(segments(utterance.rows, 1)) == [-1, 2 - 1, 1]
    found = matched_pairs([-1, 1, 1])
    assert found and found.z == pytest.approx((1 / 3) / (np.sqrt(4 / 3) / np.sqrt(3)))
    assert found.p == pytest.approx(0.6171, abs=1e-4)  # 2 (1 - Phi(0.5)), from a table of the normal distribution


@pytest.mark.parametrize("more", [[], [3], [2, 2, 2]])
def test_mapsswe_of_too_little_is_none(more):
    assert matched_pairs(more) is None


def test_systems_with_equal_errors_do_not_differ():
    references, a, _ = simulated(1)
    (found,) = compare([system(a, references), system(a)]).differences
    assert (found.wer, found.better, found.worse, found.gained, found.lost) == (0, 0, 0, (), ())
    assert found.utterances and (found.utterances.interval, found.utterances.p) == ((0, 0), 1)
    assert found.segments and (found.segments.z, found.segments.p) == (0, 1)


def test_the_bootstrap_is_the_enumeration_of_all_draws():
    more, words = np.array([-2, 1, -1, 0, -3]), np.array([4, 9, 2, 7, 5])
    every = [more[list(draw)].sum() / words[list(draw)].sum() for draw in product(range(5), repeat=5)]
    found = bootstrap(more, words, over="utterances")
    assert found and found.count == 5
    assert found.p == pytest.approx(2 * np.mean(np.array(every) >= 0), abs=0.02)
    assert found.interval == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=0.02)
    assert bootstrap(more, words, over="utterances") == found  # the seed is fixed
    assert bootstrap(more[:1], words[:1], over="utterances") is None


def test_the_bootstrap_of_many_is_normal():
    more = np.random.default_rng(0).integers(-3, 3, size=5000)
    found = bootstrap(more, np.full(5000, 10), over="utterances")
    error = 1.96 * more.std() / np.sqrt(5000) / 10
    assert found and found.interval == pytest.approx((more.mean() / 10 - error, more.mean() / 10 + error), rel=0.05)


def test_whole_speakers_are_drawn():
    # Within a speaker all utterances are alike: 40 utterances tell no more than their 10 speakers.
    references = {f"{k}": "A B C D" for k in range(40)}
    a = {id: "A B C D" for id in references}
    b = {id: "A B C X" if int(id) % 10 < 5 else "A B C D" for id in references}
    speakers = {id: f"s{int(id) % 10}" for id in references}
    (found,) = compare([system(a, references, speakers=speakers), system(b)]).differences
    assert found.utterances and found.speakers and found.speakers.count == 10 and found.main is found.speakers
    widths = [low_high[1] - low_high[0] for low_high in (found.utterances.interval, found.speakers.interval)]
    assert widths[1] / widths[0] == pytest.approx(2, rel=0.15)  # the root of 40 / 10


def test_three_systems_stand_below_the_reference():
    pairs = [
        [("A", "A"), (None, "X"), ("B", "B"), ("C", None)],
        [(None, "Y"), ("A", "A"), (None, "X"), (None, "Z"), ("B", "D"), ("C", "C")],
    ]
    assert merge(pairs) == (
        (None, None, "Y"),
        ("A", "A", "A"),
        (None, "X", "X"),
        (None, None, "Z"),
        ("B", "B", "D"),
        ("C", None, "C"),
    )


def test_the_comparison_agrees_with_the_evaluations():
    made = utterances(40)
    evaluation = evaluate(speller(), made)
    references = {u.id: u.reference or "" for u in made}
    heard = {s.id: s.hypothesis for s in evaluation.utterances}
    c = compare([system(references, references), system(heard)])
    assert (c.systems[0].wer, c.systems[1].wer) == (0, evaluation.wer)
    total = c.systems[1]
    edits = (evaluation.substitutions, evaluation.deletions, evaluation.insertions)
    assert (total.substitutions, total.deletions, total.insertions) == edits
    (found,) = c.differences
    assert found.wer == pytest.approx(evaluation.wer) and found.worse == len(c.sorted(1)) > 0 == found.better
    assert found.lost[0][0] == "ONE" and found.gained == ()


FORMS = {
    "a.tsv": "id\ttext\nu1\tONE TWO\nu2\t\nu3\tTHREE\n",
    "b.tsv": "u1\tONE TWO\nu2\t\nu3\tTHREE\n",
    "c.csv": 'speaker,utterance_id,hypothesis,error\ns,u1,"ONE TWO",0.5\ns,u2,,0\ns,u3,THREE,0\n',
    "d.csv": "u1,ONE TWO\nu2,\nu3,THREE\n",
    "e.jsonl": '{"id": "u1", "text": "ONE TWO"}\n{"id": "u2", "text": ""}\n{"id": "u3", "text": "THREE"}\n',
    "f.json": '{"audio_filepath": "u1", "text": "ONE", "pred_text": "ONE TWO"}\n'
    '{"audio_filepath": "u2", "text": "NO", "pred_text": ""}\n{"audio_filepath": "u3", "text": "", "pred_text": "THREE"}\n',
    "g.txt": "\ufeffu1 ONE TWO\r\n\r\nu2\r\nu3  THREE \r\n",
    "text": "u1\tONE TWO\nu2 \nu3 THREE",
    "h.trn": "ONE TWO (u1)\n (u2)\nTHREE (u3)\n",
    "i.stm": ";; by hand\nu1 1 ann 1.5 2 TWO\nu1 1 ann 0 1.5 <o,f0,male> ONE\nu2 1 ann 0 2\nu3 1 ann 0 1 THREE\n"
    "u4 1 ann 0 1 IGNORE_TIME_SEGMENT_IN_SCORING\n"
    "u4 1 ann 1 2 ignore_time_segment_in_scoring\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_all_forms_of_a_file_hold_the_same_texts(tmp_path, name):
    (tmp_path / name).write_bytes(FORMS[name].encode())
    found = read_texts(tmp_path / name)
    assert {id: (result.hypothesis or "").strip() for id, result in found.items()} == {"u1": "ONE TWO", "u2": "", "u3": "THREE"}
    assert not any(result.error for result in found.values())
    if name == "f.json":
        assert [result.reference for result in found.values()] == ["ONE", "NO", ""]
        assert [result.reference for result in read_references(tmp_path / name).values()] == ["ONE", "NO", ""]


def test_a_parquet_file_holds_texts_too(tmp_path):
    made = pa.table({"audio": [{"bytes": None, "path": "u1.wav"}], "text": [b"ONE"]})
    pq.write_table(made, tmp_path / "a.parquet")
    assert {id: r.hypothesis for id, r in read_system(tmp_path / "a.parquet").results.items()} == {"u1.wav": "ONE"}


def test_ctm_words_are_joined_in_time(tmp_path):
    lines = [";; made by hand", "u1 1 1.20 0.3 TWO 0.9", "u1 1 0.10 0.3 ONE", "u2 1 0.0 1 THREE"]
    (tmp_path / "a.ctm").write_text("\n".join(lines))
    assert {id: r.hypothesis for id, r in read_texts(tmp_path / "a.ctm").items()} == {"u1": "ONE TWO", "u2": "THREE"}


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.tsv", "id\ttext\nu1\tA\nu1\tB\n", "two texts of u1"),
        ("a.tsv", "name\tsaid\tmore\nu1\tA\tB\n", "no column of ids"),
        ("a.csv", "id,duration\nu1,3\n", "no columns of ids and texts"),
        ("a.csv", "id,text\n,A\n", "has no id"),
        ("a.jsonl", '{"id": "u1", "text": "A"}\n{"id"\n', "Line 2 is not JSON"),
        ("a.trn", "A B C\n", "Line 1 of a.trn"),
        ("a.ctm", "u1 1 zero 0.2 A\n", "Line 1 of a.ctm"),
        ("a.ctm", "u1 1 nan 0.2 A\n", "Line 1 of a.ctm"),
        ("a.stm", "u1 1 ann zero 0.2 A\n", "Line 1 of a.stm"),
        ("a.srt", "1\n00:00:00,000 --> 00:00:01,000\nA\n", "has no texts by id"),
        ("a.TextGrid", 'File type = "ooTextFile"\n', "has no texts by id"),
        ("a.jsonl", '{"id": "u1", "text": ["A"]}\n', "is of type list"),
        ("a.csv", "id,text,text\nu1,A,B\n", "2 columns 'text'"),
        ("a.csv", "id,id,text\nu1,u2,B\n", "2 columns 'id'"),
        ("a.csv", "name,transcript\nu1,A\n", "no columns of ids and texts"),
        ("a.csv", "", "It has: nothing"),
        ("a.txt", "", "a.txt is empty"),
        ("a.txt", "\xff\xfe", "not UTF-8"),
    ],
)
def test_a_file_without_texts_is_refused(tmp_path, name, content, cause):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(W2VKitError, match=cause):
        read_system(tmp_path / name)


@pytest.mark.parametrize("header", ["ID,TEXT", "Id,Transcript", "Filename,Sentence", "u1,A B", "id,text,,"])
def test_a_header_in_any_case_is_no_utterance(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\nu2,A\n")
    found = read_system(tmp_path / "a.csv").results
    assert {one.id: one.hypothesis for one in found.values()} == {"u2": "A"} | ({"u1": "A B"} if "u1" in header else {})


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(W2VKitError, match=r"holds no results\.jsonl"):
        read_system(tmp_path)
    with pytest.raises(W2VKitError, match="does not exist"):
        read_system(tmp_path / "none")


@pytest.mark.parametrize(
    ("a", "b", "references", "cause"),
    [
        ({"u": "A"}, {"u": "B"}, None, "Give the references with --reference"),
        ({"u": "A"}, {"v": "B"}, {"u": "A"}, "Their first ids: A 'u', B 'v', references 'u'"),
        ({"u": "A"}, {"u": "B"}, {"w": "A"}, "Their first ids: A 'u', B 'u', references 'w'"),
        ({"u": "A"}, {"u": "B"}, {"u": " "}, "references of all compared utterances are empty"),
    ],
)
def test_nothing_to_compare_is_an_error(a, b, references, cause):
    given = references and {id: Result(id, reference=text) for id, text in references.items()}
    with pytest.raises(W2VKitError, match=cause):
        compare([system(a), system(b)], references=given)


def test_different_references_are_an_error_unless_they_are_given():
    a, b = system({"u": "A"}, {"u": "A"}), system({"u": "A"}, {"u": "B"})
    with pytest.raises(W2VKitError, match="different references of u"):
        compare([a, b])
    assert compare([a, b], references={"u": Result("u", reference="A")}).systems[0].wer == 0
    with pytest.raises(W2VKitError, match="Name 2 to 26"):
        compare([a])


def test_utterances_that_one_system_lacks_are_left_out_of_all():
    references = {"u1": "A", "u2": "B", "u3": "C", "u4": "D"}
    b = system({"u1": "A", "u2": "B", "u9": "Z"})
    b = replace(b, results={**b.results, "u3": Result("u3", error="broken sound")})
    c = compare([system(references, references), b])
    assert [u.id for u in c.utterances] == ["u1", "u2"]
    assert c.left_out == {"u3": "failed in B: broken sound", "u4": "not in B", "u9": "not in A"}
    assert "3 utterances are left out of all systems (1 failed in B, 1 not in B, 1 not in A)" in c.notes[0]


def test_an_empty_reference_counts_as_in_an_evaluation():
    references = {"u1": "A B", "u2": ""}
    pair = [system({"u1": "A B", "u2": "C"}, references), system({"u1": "A B", "u2": ""})]
    assert [s.wer for s in compare(pair).systems] == [0.5, 0]
    assert [s.wer for s in compare(pair, scoring="whisper").systems] == [0, 0]


def test_a_system_in_another_case_is_noted():
    references = {"u1": "GOOD DAY", "u2": ""}
    pair = [system({"u1": "GOOD DAY", "u2": ""}, references), system({"u1": "Good day.", "u2": ""})]
    assert "B and the references differ in upper and lower case" in compare(pair).notes[0]
    assert not any("case" in note for note in compare([pair[0], system({"u1": "", "u2": ""})]).notes)
    assert [s.wer for s in compare(pair, scoring="whisper").systems] == [0, 0]


TABLE = """\
2 systems on 3 utterances, 8 words
scoring card: raw text, as the model card scores

    system   WER       substituted / deleted / inserted
A   a.tsv    37.50 %   2 / 0 / 1
B   b.tsv    12.50 %   0 / 1 / 0

It is not shown that B differs from A: the 95 % interval holds 0 (bootstrap over utterances, p = 0.577).
  bootstrap over utterances   -25.00 (-100.00 to +25.00) points   p = 0.577   3 utterances
  MAPSSWE (matched pairs)     -1.000 errors per segment           p = 0.617   2 segments, z = -0.50
  1 utterances with fewer errors in B, 1 with more, 1 with as many
  words that only B has right: CAT, SAT
  words that only A has right: DAY

where B is better
  u1  errors: 3 in A, 0 in B; 3 words
    REF A *** CAT SAT
    A   A HAT SET DOWN
    B   A *** CAT SAT

where B is worse
  u2  errors: 0 in A, 1 in B; 4 words
    REF A FINE GOOD DAY
    A   A FINE GOOD DAY
    B   A FINE GOOD ***

Note: There are fewer than 50 segments with errors: the p-value of MAPSSWE is rough.
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    texts = {
        "a.tsv": "u1\tA HAT SET DOWN\nu2\tA FINE GOOD DAY\nu3\tYES\n",
        "b.tsv": "u1\tA CAT SAT\nu2\tA FINE GOOD\nu3\tYES\n",
        "reference.txt": "u1 A CAT SAT\nu2 A FINE GOOD DAY\nu3 YES\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in texts]


def test_the_command_prints_a_table_and_json_and_writes_a_page(tmp_path, files, capsys):
    a, b, reference = files
    assert main(["compare", a, b, "--reference", reference, "--html", str(tmp_path / "new" / "page.html")]) == 0
    assert capsys.readouterr().out == TABLE
    page = (tmp_path / "new" / "page.html").read_text()
    assert "B beside A" in page and "<b>HAT</b>" in page and "http" not in page.replace("http-equiv", "")
    assert main(["compare", a, b, "--reference", reference, "--json"]) == 0
    data = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert data["differences"][0]["wer"] == -0.25 and data["differences"][0]["speakers"] is None
    assert data["utterances"][0]["rows"][1] == [None, "HAT", None]
    assert main(["compare", a, a, "--reference", reference]) == 0
    assert f"\nB   {a} " in capsys.readouterr().out  # the whole path, where the names are equal
    assert main(["compare", a, b]) == 1
    assert "--reference FILE" in capsys.readouterr().err


def test_texts_of_another_system_are_evaluated_and_compared(tmp_path, files, capsys):
    a, b, reference = files
    folders = [str(tmp_path / "A"), str(tmp_path / "B")]
    for file, folder in zip((a, b), folders, strict=True):
        assert main(["evaluate", reference, "--hypotheses", file, "--output-dir", folder]) == 0
        assert main(["evaluate", reference, "--hypotheses", file, "--output-dir", folder]) == 0  # a second time is no error
    said = capsys.readouterr().out
    assert "a.tsv (text) on reference.txt" in said and "37.50 %" in said and "by length" not in said
    assert main(["compare", *folders]) == 0
    expected = TABLE.splitlines()
    found = capsys.readouterr().out.splitlines()
    assert found[6:8] == ["A: a.tsv (text), another system", "B: b.tsv (text), another system"]
    assert found[8:] == expected[6:]


def test_a_model_in_the_environment_is_no_option_of_an_evaluation_of_texts(files, monkeypatch):
    monkeypatch.setenv("W2VKIT_MODEL", "w2v-mini")
    assert main(["evaluate", files[2], "--hypotheses", files[0]]) == 0


def test_hypotheses_of_a_data_set_without_its_sound(tmp_path, files, capsys):
    a, _, _ = files
    (tmp_path / "set.csv").write_text("id,audio,said\nu1,1.wav,A CAT SAT\nu2,2.wav,A FINE GOOD DAY\nu7,7.wav,LOST\n")
    options = ["evaluate", str(tmp_path / "set.csv"), "--text-column", "said", "--hypotheses", a]
    assert main(options) == 1
    said = capsys.readouterr()
    assert "3 errors in 7 words" in said.out and "u7: a.tsv has no text of u7." in said.err
    assert "1 texts of a.tsv belong to no utterance of the data set" in said.out
    assert main([*options, "--limit", "2"]) == 0
    assert "set.csv, 2 utterances of it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("texts", "options", "cause"),
    [
        ("x1 A CAT\n", [], "Its ids are such as 'x1', those of the data set 'u1'"),
        ("u1 a cat sat\n", [], "not in lower case"),
        ("u1 A CAT\n", ["--model", "w2v-mini"], "Leave out the options of model"),
        ("u1 A CAT\n", ["--hotword", "CAT"], "Leave out the options of model"),
        ("u1 A CAT\n", ["--compile"], "Leave out the options of model"),
        ("u1 A CAT\n", ["--revision", "main"], "Leave out the options of model"),
        ("u1 A CAT\n", ["--limit", "0"], "leaves nothing"),
    ],
)
def test_wrong_hypotheses_are_refused(tmp_path, files, capsys, texts, options, cause):
    (tmp_path / "other.txt").write_text(texts)
    assert main(["evaluate", files[2], "--hypotheses", str(tmp_path / "other.txt"), *options]) == 1
    assert cause in capsys.readouterr().err


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, files, capsys):
    a, b, reference = files
    for folder in (".", "/", str(tmp_path)):
        assert main(["compare", a, b, "--reference", reference, "--html", folder]) == 1
        said = capsys.readouterr()
        assert f"{folder} is a folder" in said.err and not said.out
    assert main(["evaluate", reference, "--hypotheses", a, "--output-dir", str(tmp_path / "new"), "--format", "stm"]) == 1
    said = capsys.readouterr()
    assert "Choose --format trn" in said.err and not said.out


def test_a_negative_seed_is_refused(files, capsys):
    assert main(["compare", *files[:2], "--reference", files[2], "--seed", "-1"]) == 1
    assert "A seed of -1" in capsys.readouterr().err


def test_an_interrupted_folder_and_one_of_a_cluster_are_read(tmp_path):
    (tmp_path / "one").mkdir()
    rows = [
        {"w2vkit": 1, "model": "m", "dtype": "float32", "decoder": "greedy"},
        Result("u1", "s", 1.0, "A", None, "broken").stored(),
        Result("u1", "s", 1.0, "A", "A").stored(),
        Result("u2", "s", 1.0, "B", "C").stored(),
    ]
    text = "\n".join(map(json.dumps, rows)) + '\n{"id": "u3", "hyp'
    (tmp_path / "one" / "results.jsonl").write_text(text)
    (tmp_path / "two" / "shards").mkdir(parents=True)
    results = [Result("u1", "s", 1.0, "A", "A"), Result("u2", "s", 1.0, "B", "B"), Result("u3", "s", None, "C", None, "broken")]
    (tmp_path / "two" / "shards" / "part-00000.parquet").write_bytes(encode(results))
    c = compare([read_system(tmp_path / name) for name in ("one", "two")])
    assert [system.wer for system in c.systems] == [0.5, 0] and c.utterances[0].speaker == "s"
    assert c.left_out == {"u3": "not in A"}


def test_every_text_of_the_page_is_escaped():
    references = {f"id{NASTY}": f"A {NASTY} B", "u": "A B"}
    speakers = dict.fromkeys(references, NASTY)
    texts = [{id: text for id, text in references.items()}, {f"id{NASTY}": f"{NASTY}X {NASTY}", "u": NASTY}]
    systems = [system(given, references, NASTY, speakers) for given in texts]
    lost = replace(systems[1], results={**systems[1].results, NASTY: Result(NASTY, error=NASTY)})
    c = compare([*systems, lost])
    tags, text = [], []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

        def handle_data(self, data):
            text.append(data)

    Parser().feed(to_html(c))
    assert tags.count("script") == 1 and "".join(text).count(f"id{NASTY}") == 2
    assert json.loads(to_json(c), parse_constant=pytest.fail)["left_out"] == {NASTY: "not in A"}
    assert any("Bonferroni" in note for note in c.notes)
