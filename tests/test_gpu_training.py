"""Training on a GPU in minutes, on the CPU in small: packed speech, batches made by batched operations, a deeper student."""

import io
import math
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

from training import gpu, pack
from training.device_batches import Planner, Speech, distort, gather, hide, interpolate, mu_law
from training.pack import unpack
from training.pauses import pauses
from training.position import FRAMES, OFFSET
from training.read_aloud import store
from training.rows import LONG, RATE, SHORT, frames
from training.student import Trainee, build, depth, grow, shipped
from training.teacher import HIDDEN, LABELS
from w2vkit.audio import load
from w2vkit.audio.effects import mu_law as mu_law_of_numpy
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import Word
from w2vkit.examples import examples

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def speech() -> Speech:
    """Thirty utterances of noise, of 1 to 8 s; each is one label more often than the one before."""
    torch.manual_seed(0)
    speech = Speech(torch.zeros(200 * RATE, dtype=torch.int16))
    for i in range(30):
        samples = torch.randn(4, int(RATE * (1 + 7 * i / 30))).sum(0)
        samples = ((samples - samples.mean()) / samples.std() * 2000).to(torch.int16)
        speech.add(samples, f"corpus-{i % 3}", ["A" * (i + 1)], [len(samples)], [1 / 2000])
    return speech


def test_between_samples_stands_what_the_sound_has_there():
    hertz, place = 1000.0, torch.arange(100, 800) + torch.rand(700)
    samples = torch.sin(2 * math.pi * hertz * torch.arange(1000) / RATE)
    found = interpolate(samples, place.long(), place - place.floor())
    assert (found - torch.sin(2 * math.pi * hertz * place / RATE)).abs().max() < 2e-3
    assert torch.allclose(interpolate(samples, torch.arange(10, 20), torch.zeros(10)), samples[10:20], atol=1e-6)


@pytest.mark.parametrize("short", [False, True])
def test_rows_hold_the_utterances_that_their_targets_name(speech, short):
    planner = Planner(speech, seed=3, seconds=80)
    plan = planner.plan(short)
    size = SHORT if short else LONG
    assert plan.lengths.sum() == size * len(plan.first)
    clean, piece = gather(speech.samples, plan)
    assert clean.shape == piece.shape == (len(plan.first), size)
    by_start = {u.start: u for corpus in speech.corpora.values() for u in corpus}
    ends, row_of = plan.lengths.cumsum(0), lambda end: int((end - 1) // size)
    said: list[list[np.ndarray]] = [[] for _ in plan.first]
    for start, length, speed, scale, end in zip(plan.starts, plan.lengths, plan.speeds, plan.scales, ends, strict=True):
        if scale > 0:
            utterance = by_start[int(start)]
            said[row_of(int(end))].append(utterance.labels)
            assert abs(int(length) * float(speed) - utterance.length) <= 2
            if speed == 1.0:
                place = int(end - length) % size
                own = speech.samples[utterance.start : utterance.start + utterance.length] * utterance.scale
                assert torch.allclose(clean[row_of(int(end)), place : place + int(length)], own, atol=1e-4)
    space = [LABELS.index("|")]
    for labels, target, length in zip(said, plan.targets, plan.target_lengths, strict=True):
        joined = np.concatenate([np.concatenate([space, one]) for one in labels])[1:] if labels else np.zeros(0)
        assert target[:length].tolist() == joined.tolist()
    assert (plan.valid <= frames(size)).all() and (plan.first + frames(size) <= FRAMES).all()


@pytest.mark.parametrize("short", [False, True])
def test_parts_between_pauses_have_the_words_that_lie_between_them(short):
    speech = Speech(torch.ones(12 * RATE, dtype=torch.int16))
    ends = {0: 0, 2 * RATE: 1, 5 * RATE: 3, 12 * RATE: 4}  # words before each sample
    speech.add(speech.samples.clone(), "one", ["A B C D"], [12 * RATE], [1.0], pauses=[list(ends.items())[1:3]])
    plan = Planner(speech, seed=1, seconds=4000).plan(short)  # its thread draws too: so many that no part can be missing
    seen = set()
    said: list[list[str]] = [[] for _ in plan.first]
    for start, length, speed, scale, end in zip(
        plan.starts, plan.lengths, plan.speeds, plan.scales, plan.lengths.cumsum(0), strict=True
    ):
        if scale > 0:
            stop = min(ends, key=lambda e: abs(e - int(start) - float(speed) * int(length)))
            words = "ABCD"[ends[int(start)] : ends[stop]]
            seen.add(words)
            said[int((end - 1) // plan.size)].extend(words)
    assert seen == ({"A", "BC"} if short else {"A", "BC", "D", "ABC", "BCD", "ABCD"})
    for words, target, length in zip(said, plan.targets, plan.target_lengths, strict=True):
        assert "".join(LABELS[i] for i in target[:length]) == "|".join(words)


def test_a_pause_is_the_quiet_middle_between_two_words():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(3 * RATE).astype(np.float32) * 0.1
    samples[RATE : RATE + RATE // 5] *= 0.001  # 0.2 s between the first word and the second
    samples[2 * RATE : 2 * RATE + RATE // 50] *= 0.001  # 0.02 s: a stop consonant
    words = [Word("ONE", 0.1, 1.0, 1.0), Word("TWO", 1.2, 1.9, 1.0), Word("THREE", 2.1, 3.0, 1.0)]
    (found,) = pauses(samples, words)
    assert found[1] == 1 and abs(found[0] - 1.1 * RATE) < 0.02 * RATE


def test_what_a_voice_said_is_stored_without_silence_and_numbers_by_themselves():
    torch.manual_seed(0)
    rows = torch.randn(4, 2 * RATE) * 0.1
    rows[:, : RATE // 2] = rows[:, RATE:] = 0
    rows[2, RATE - 1], rows[3] = torch.nan, 0  # an overflow, and nothing at all
    speech = Speech(torch.zeros(10 * RATE, dtype=torch.int16))
    store(speech, "voice", rows, torch.tensor([2 * RATE] * 4), ["A NOTE", "TWENTY ONE", "BAD", "NONE"])
    assert {name: len(found) for name, found in speech.corpora.items()} == {"voice": 1, "numbers": 1}
    for (utterance,) in speech.corpora.values():
        assert 0.5 * RATE < utterance.length <= 0.91 * RATE
        own = speech.samples[utterance.start : utterance.start + utterance.length] * utterance.scale
        assert own.std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("short", "strength"), [(False, 0.0), (False, 0.8), (True, 0.8)])
def test_distorted_rows_have_unit_variance_and_silent_padding(speech, short, strength):
    torch.manual_seed(1)
    plan = Planner(speech, seed=4, seconds=200).plan(short)
    clean, piece = gather(speech.samples, plan)
    noisy = distort(clean, piece, plan, strength)
    likeness = []
    for row, before, inside in zip(noisy, clean, plan.inside.tolist(), strict=True):
        assert not row[inside:].any()
        assert row[:inside].mean().item() == pytest.approx(0, abs=1e-3)
        assert row[:inside].var().item() == pytest.approx(1, abs=1e-2)
        if before.any():
            likeness.append(torch.corrcoef(torch.stack([row[:inside], before[:inside]]))[0, 1].item())
    assert min(likeness) > 0.2  # a room of strong echo leaves least
    # At no strength only the telephone is left, for a tenth of the rows.
    assert np.median(likeness) > 0.999 if strength == 0 else np.median(likeness) < 0.9999


def test_hidden_frames_are_the_share_that_was_asked_for_and_lie_before_the_padding():
    torch.manual_seed(0)
    valid = torch.tensor([800, 100] * 50)
    hidden = hide(valid, 800, 0.2)
    assert hidden[::2].float().mean().item() == pytest.approx(0.2, abs=0.04)
    assert not hidden[1::2, 100:].any() and hidden[1::2, :100].any()


def test_the_telephone_quantises_as_numpys_does():
    samples = torch.linspace(-1, 1, 2001)
    assert np.abs(mu_law(samples).numpy() - mu_law_of_numpy(samples.numpy())).max() < 0.03


def test_a_deeper_student_begins_as_the_one_that_it_grew_from():
    weights = shipped(mini_folder())
    shallow, deep = build(None, 0, depth(weights)).eval(), build(None, 1, depth(weights) + 2).eval()
    shallow.load_state_dict(weights)
    deep.load_state_dict(grow(weights, depth(weights) + 2))
    code = shallow.wav2vec2.encoder.pos_conv_embed(torch.full((1, FRAMES, HIDDEN), -OFFSET))[0] - OFFSET
    samples, start = torch.randn(2, SHORT), torch.zeros(2, dtype=torch.long)
    with torch.no_grad():
        a, b = (Trainee(model, code.detach(), compiled=False).eval()(samples, None, None, start) for model in (shallow, deep))
    assert torch.allclose(a, b, atol=1e-4)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory):
    """The bundled clips as three corpora, packed; LibriSpeech's name makes some speakers development speakers."""
    folder, target = tmp_path_factory.mktemp("parquet"), tmp_path_factory.mktemp("packed")
    for corpus in ("librispeech-train-clean-100", "kokoro"):
        rows = []
        for i, clip in enumerate(examples()):
            samples, buffer = load(clip.path).samples[: 15 * RATE], io.BytesIO()
            soundfile.write(buffer, samples, RATE, format="FLAC")
            audio = {"bytes": buffer.getvalue(), "path": None}
            rows.append(dict(audio=audio, text=clip.text, speaker_id=f"{corpus}-{i}", seconds=len(samples) / RATE))
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{corpus}.parquet")
    pack.pack([folder], target)
    return target


def test_packed_speech_comes_back_with_its_texts(packed):
    clips = unpack(packed)
    assert [c.text for c in clips if c.corpus == "kokoro"] == [e.text for e in examples()]
    development = [c for c in clips if c.development]
    assert development and all(c.corpus == "librispeech-train-clean-100" for c in development)
    original = load(next(iter(examples())).path).samples[: 15 * RATE]
    decoded = clips[0].samples.astype(np.float32) / 32768
    assert abs(len(decoded) - len(original)) < 1000
    count = min(len(decoded), len(original))
    assert np.corrcoef(decoded[:count], original[:count])[0, 1] > 0.9


@pytest.mark.nightly
def test_a_run_ends_in_time_goes_on_and_becomes_a_state(packed, tmp_path, monkeypatch, capsys):
    command = (
        f"gpu --packed {packed} --minutes 0.03 --seconds 34 --run {tmp_path} --output {tmp_path} --log-seconds 0 --layers 7"
    )
    monkeypatch.setattr(sys, "argv", command.split())
    gpu.main()
    first = torch.load(tmp_path / "state.pt", weights_only=True)
    assert first["step"] >= 1 and first["heard"] > 0
    longer = str(first["seconds"] / 60 + 0.03)
    monkeypatch.setattr(sys, "argv", command.replace("0.03", longer).split())
    gpu.main()
    second = torch.load(tmp_path / "state.pt", weights_only=True)
    assert second["step"] > first["step"]
    assert "dev_wer" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", f"gpu --join {tmp_path} --target {tmp_path / 'joined.pt'}".split())
    gpu.main()
    joined = torch.load(tmp_path / "joined.pt", weights_only=True)["average"]
    model = build(None, 0, layers=7)
    model.load_state_dict(joined)
    name = "wav2vec2.encoder.layers.6.attention.out_proj.weight"
    assert torch.allclose(joined[name], second["average"][name], atol=1e-3) and joined[name].any()
