"""The training of w2v-mini: the teacher's file format and layers, and batches that are the same in a resumed run."""

import io
import json
import random
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from support.teacher import write_teacher
from torch.nn import functional as F
from transformers import VitsConfig
from transformers.models.vits.modeling_vits import VitsAttention, _unconstrained_rational_quadratic_spline

from training import augment, finish, front, kokoro, label, phonemes, position, student, train, voice
from training.batches import Batches
from training.corpora import OTHER, SPEEDS, WEIGHTS, Corpus, Utterance, read_corpora
from training.decoding import spread
from training.optimisers import Muon
from training.read_aloud import resample
from training.rows import LONG, SHORT, disagreement, encode
from training.student import Trainee, build
from training.synthesize import within_silence
from training.teacher import HIDDEN, LABELS, MELS, Teacher
from w2vkit.audio import load
from w2vkit.checkpoints import mini_folder
from w2vkit.examples import examples
from w2vkit.model.fast_layers import tabulate
from w2vkit.model.precision import set_dtype

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """A teacher with the shapes of Whisper tiny.en and random weights."""
    path = tmp_path_factory.mktemp("teacher") / "model.bin"
    write_teacher(path)
    return Teacher(path)


def test_the_students_layers_started_from_the_teachers_give_the_same(teacher):
    model = build(teacher, seed=0).eval()
    encoder = model.wav2vec2.encoder
    x = torch.randn(2, 60, HIDDEN)
    positions = teacher.weights["position_encodings/encodings"][:60]
    with torch.no_grad():
        expected = teacher.states(x - positions)  # `states` adds them again
        h = x
        for layer, state in zip(encoder.layers, expected, strict=True):  # type: ignore[arg-type]
            h = layer(h)
            assert (h - state).abs().max() < 1e-4
        assert (encoder.layer_norm(h) - teacher.final(expected[-1])).abs().max() < 1e-4


def test_the_constructed_front_end_gives_the_features_of_the_teachers(teacher):
    clips = [torch.from_numpy(augment.normalise(load(clip.path).samples)) for clip in examples()]
    model = build(teacher, seed=0).eval()
    front.start(model, teacher, torch.cat(clips[1:])[: 4 * SHORT].view(-1, SHORT))
    x = clips[0][None]
    with torch.no_grad():
        found = model.wav2vec2.feature_projection(model.wav2vec2.feature_extractor(x).transpose(1, 2))[0]
        expected = teacher.front(x)[:, : found.shape[1]] - position.OFFSET
    error = (found - expected).pow(2).mean() / (expected - expected.mean(dim=1, keepdim=True)).pow(2).mean()
    assert error < 0.15


def test_the_positional_convolution_gives_the_teachers_code_and_training_takes_the_short_way_to_it(teacher):
    model = build(teacher, seed=0).eval()
    frames = 0.3 * torch.randn(1, 400, HIDDEN) - position.OFFSET
    with torch.no_grad():
        model.wav2vec2.feature_projection.projection.bias.fill_(-position.OFFSET)
        found = frames + model.wav2vec2.encoder.pos_conv_embed(frames)
        code = teacher.code()[:400]
        # Left over is the frames' own running sum; noise for a code, as here, takes more of it than sines do.
        assert (found - (frames + position.OFFSET + code)).std() < 0.05 * code.std()

        waveforms = torch.randn(2, SHORT)
        short = Trainee(model, teacher.code(), compiled=False).eval()
        logits = short(waveforms, None, None, torch.zeros(2, dtype=torch.long))
        # The short way leaves out what the frames themselves add to the running sum.
        assert (logits - model(waveforms).logits).abs().max() < 0.1 * logits.std()


def shipped() -> Trainee:
    """The bundled checkpoint as in training: only the layers and the head are trainable."""
    weights = student.shipped(mini_folder())
    model = build(None, 0, student.depth(weights))
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("encoder.layer" in name or "lm_head" in name)
    with torch.no_grad():
        code = model.wav2vec2.encoder.pos_conv_embed(torch.full((1, 1500, HIDDEN), -position.OFFSET))[0] - position.OFFSET
    return Trainee(model, code, compiled=False)


def test_the_table_of_positions_of_an_export_is_that_of_training():
    trainee, waveforms = shipped().eval(), torch.randn(1, SHORT)
    with torch.no_grad():
        expected = trainee(waveforms, None, None, torch.zeros(1, dtype=torch.long)).log_softmax(dim=-1)
        set_dtype(trainee.model, torch.float32)
        tabulate(trainee.model)
        found = trainee.model(waveforms).logits.log_softmax(dim=-1)
    assert (found - expected).abs().max() < 0.01  # float32 rounds sums around 256, which only training has


def test_autocast_to_bfloat16_leaves_the_loss_as_it_is_in_float32():
    trainee = shipped().eval()

    def loss(bfloat16: bool) -> float:
        total = 0.0
        for clip in examples():
            samples, target = torch.from_numpy(augment.normalise(load(clip.path).samples))[None], encode(clip.text)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = trainee(samples, None, None, torch.zeros(1, dtype=torch.long))
            log_probs = logits.float().log_softmax(dim=-1).transpose(0, 1)
            lengths = torch.tensor([[len(log_probs)], [len(target)]])
            total += F.ctc_loss(log_probs, target[None], lengths[0], lengths[1], reduction="sum").item()
        return total

    assert loss(True) == pytest.approx(loss(False), rel=0.01)


def test_no_gradient_goes_through_a_frozen_front_end_and_one_goes_through_one_that_learns():
    trainee, noise = shipped().train(), torch.randn(1, SHORT)
    assert not trainee._front_eager(noise).requires_grad
    trainee.model.wav2vec2.feature_extractor.requires_grad_(True)
    assert trainee._front_eager(noise).requires_grad


def test_the_teachers_spectrogram_is_whispers(teacher):
    from transformers import WhisperFeatureExtractor

    samples = torch.randn(1, 48_000) * 0.1
    ours = teacher.spectrogram(samples)[0]
    theirs = WhisperFeatureExtractor(feature_size=MELS, chunk_length=3)(samples[0].numpy(), sampling_rate=16_000)
    assert np.abs(ours.numpy() - theirs["input_features"][0]).max() < 1e-3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Eighty synthetic utterances by forty speakers, in the prepared form."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    index, position = [], [0] * len(SPEEDS)
    files = [(folder / f"speed-{k}.i16").open("wb") for k in range(len(SPEEDS))]
    for i in range(80):
        seconds = float(rng.uniform(0.5, 9))
        spans = []
        for k, speed in enumerate(SPEEDS):
            samples = (rng.standard_normal(int(seconds * 16_000 / speed)) * 3000).astype(np.int16)
            files[k].write(samples.tobytes())
            spans.append([position[k], position[k] + len(samples)])
            position[k] += len(samples)
        corpus = ("librispeech-train-clean-100", "librispeech-dev-clean-mp3")[i % 2]
        index.append({"corpus": corpus, "speaker": str(i // 2), "text": "IT'S A TEST", "spans": spans})
    for file in files:
        file.close()
    (folder / "index.json").write_text(json.dumps(index))
    return Corpus(folder)


def test_no_speaker_is_both_trained_on_and_decided_by(corpus):
    trained, deciding = {(u.corpus, u.speaker) for u in corpus.train}, {(u.corpus, u.speaker) for u in corpus.dev}
    assert trained and deciding and not trained & deciding


def test_utterances_for_fitting_the_decoder_are_spread_over_all_speakers():
    said = [Utterance("libri", speaker, str(i), ()) for i, speaker in enumerate("AAAAABBC")]
    assert [u.text for u in spread(said, 5)] == ["0", "5", "7", "1", "6"]
    assert len(spread(said, 100)) == len(said)


def test_a_batch_depends_on_its_number_alone_so_that_runs_resume(corpus):
    first, second = (Batches(corpus, seed=3, steps=20, seconds=20, strength=1.0, mask=0.1) for _ in range(2))
    for i in (0, 7, 19):
        a, b = first[i], second[i]
        assert torch.equal(a.waveforms, b.waveforms) and torch.equal(a.masked, b.masked)
    assert not torch.equal(first[0].waveforms[:1, :1000], first[7].waveforms[:1, :1000])


def test_batches_have_two_shapes_and_hide_only_frames_of_speech(corpus):
    batches = Batches(corpus, seed=1, steps=30, seconds=20, strength=1.0, mask=0.2)
    sizes = set()
    for i in range(30):
        batch = batches[i]
        sizes.add(batch.waveforms.shape[1])
        assert torch.isfinite(batch.waveforms).all()
        for hidden, valid, target in zip(batch.masked, batch.valid, batch.targets, strict=True):
            assert not hidden[valid:].any()
            assert len(target) <= valid
            assert set(target.tolist()) <= set(range(4, len(LABELS)))
    assert sizes == {LONG, SHORT}


def test_two_views_of_a_row_are_the_same_speech_distorted_and_masked_differently(corpus):
    batches = Batches(corpus, seed=1, steps=30, seconds=80, strength=0.3, mask=0.2, views=2)
    for i in range(12):
        batch = batches[i]
        half = len(batch.targets) // 2
        assert len(batch.waveforms) == len(batch.masked) == len(batch.valid) == len(batch.first) == 2 * half
        assert torch.equal(batch.valid[:half], batch.valid[half:]) and torch.equal(batch.first[:half], batch.first[half:])
        assert all(torch.equal(a, b) for a, b in zip(batch.targets[:half], batch.targets[half:], strict=True))
        assert not torch.equal(batch.masked[:half], batch.masked[half:])
        assert not torch.equal(batch.waveforms[:half], batch.waveforms[half:])
        assert (batch.waveforms[:half] * batch.waveforms[half:]).mean() > 0.5 * batch.waveforms.pow(2).mean()


def test_views_that_agree_cost_nothing_and_each_learns_from_the_other():
    torch.manual_seed(0)
    logits = torch.randn(7, 4, 5, requires_grad=True)
    valid = torch.tensor([7, 4, 7, 4])
    same = torch.cat([logits[:, :2], logits[:, :2]], dim=1)
    assert disagreement(same.log_softmax(-1), valid).item() == pytest.approx(0, abs=1e-5)
    log_probs = logits.log_softmax(-1)
    a, b = log_probs.exp().chunk(2, dim=1)
    both = ((a - b) * (a.log() - b.log())).sum(dim=-1)
    found = disagreement(log_probs, valid)
    assert found.item() == pytest.approx((both[:, 0].sum() + both[:4, 1].sum()).item(), rel=1e-5)
    found.backward()
    assert logits.grad is not None
    assert not logits.grad[4:, 1].any() and not logits.grad[4:, 3].any()
    # The gradient of KL(q || softmax(z)) in z is softmax(z) - q.
    assert torch.allclose(logits.grad[:, 0], (a - b)[:, 0], atol=1e-5)


def test_distortions_keep_length_and_level():
    rng = np.random.default_rng(0)
    speech = augment.normalise(rng.standard_normal(16_000) * np.repeat(rng.uniform(0, 1, 160), 100))
    for effect in (augment.room, augment.telephone):
        assert effect(speech, rng).shape == speech.shape
    noisy = augment.add_noise(speech, augment.coloured_noise(16_000, rng), 10.0)
    assert (noisy - speech).var() == pytest.approx(0.1, rel=0.01)
    distorted = augment.distort(speech, speech[::-1].copy(), 1.0, rng)
    assert distorted.var() == pytest.approx(1.0, abs=1e-3) and distorted.mean() == pytest.approx(0.0, abs=1e-3)
    # A telephone removes everything above 4 kHz.
    spectrum = np.abs(np.fft.rfft(augment.telephone(speech, np.random.default_rng(1)))) ** 2
    assert spectrum[4200:].sum() < 0.01 * spectrum[:3800].sum()


def test_a_corpus_that_is_not_listed_is_drawn_like_any_other(tmp_path):
    entries = [{"corpus": name, "speaker": "1", "text": "YES", "spans": [[0, 9]] * 3} for name in ("ljspeech", "my-own")]
    (tmp_path / "index.json").write_text(json.dumps(entries))
    for k in range(len(SPEEDS)):
        (tmp_path / f"speed-{k}.i16").write_bytes(bytes(18))
    known, unknown = Corpus(tmp_path).probabilities
    assert unknown / known == pytest.approx(OTHER / WEIGHTS["ljspeech"])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_ends_when_its_minutes_are_over_at_the_rate_of_a_last_step(teacher, corpus, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(train, "Teacher", lambda _: teacher)
    monkeypatch.setattr(train, "Corpus", lambda _: corpus)
    sizes = dict(steps=100, minutes=1e-4, seconds=8, every=50, dev=1, seed=1)
    run = train.Run(
        Namespace(
            stage="head",
            run=tmp_path,
            start=None,
            data=None,
            teacher=None,
            workers=workers,
            consistency=0.2,
            compile=False,
            **sizes,
        )
    )
    run.train()
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 1
    assert "dev_wer" in (tmp_path / "log.jsonl").read_text()
    run.step = 60
    assert run.rate() == pytest.approx(0.05)
    run.arguments.minutes = None
    assert run.rate() > 0.3


def test_muon_moves_matrices_as_torchs_does():
    def matrices() -> list[torch.nn.Parameter]:
        torch.manual_seed(3)
        return [torch.nn.Parameter(torch.randn(shape)) for shape in ((48, 48), (48, 48), (96, 48), (48, 96))]

    ours, theirs = matrices(), matrices()
    muon = Muon([dict(params=ours, lr=0.1)])
    oracle = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        muon.step()
        oracle.step()
    for mine, other, before in zip(ours, theirs, matrices(), strict=True):
        assert (mine - other).norm() < 0.02 * (mine - before).norm()  # torch's rounds to bfloat16


@pytest.fixture(scope="module")
def tiny_voice() -> voice.Voice:
    """A small voice with random weights, whose biases are large enough to be heard after a clip's end."""
    torch.manual_seed(0)
    config = voice.VoiceConfig(symbols=30, width=16, inner=24, layers=2, bins=6, wave_layers=2, channels=32)
    model = voice.Voice(config).eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.startswith("generator.") and name.endswith("bias"):
            weight.normal_()
    return model


def test_a_voice_speaks_a_text_alone_as_in_a_padded_batch(tiny_voice):
    lengths = torch.tensor([40, 9, 23, 1])
    phonemes = torch.randint(30, (4, 40))
    pace, silent = torch.tensor([1.0, 1.3, 0.8, 2.0]), torch.zeros(4)
    waveforms, counts = tiny_voice(phonemes, lengths, pace, silent, silent)
    assert waveforms.shape == (4, counts.max()) and len(set(counts.tolist())) > 2
    for i, (length, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        alone, (samples,) = tiny_voice(
            phonemes[i : i + 1, :length], lengths[i : i + 1], pace[i : i + 1], silent[:1], silent[:1]
        )
        assert samples == count and waveforms[i, :count].std() > 1e-3
        assert torch.allclose(alone[0], waveforms[i, :count], atol=1e-5)
        assert waveforms[i, count:].abs().sum() == 0


@pytest.fixture(scope="module")
def tiny_kokoro() -> kokoro.Kokoro:
    """A small network with random weights, whose biases are large enough to be heard after an utterance's end."""
    torch.manual_seed(0)
    config = kokoro.KokoroConfig(
        symbols=30, embedding=8, bert=16, heads=2, inner=24, bert_layers=2, width=16, style=8, longest=8,
        decoder=24, residue=4, channels=32, strides=(4, 2), kernels=(8, 4), block_kernels=(3, 7),
    )  # fmt: skip
    model = kokoro.Kokoro(config).eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.endswith("bias") and "lstm" not in name:
            weight.normal_()
    model.predictor.F0_proj.bias.fill_(150.0)
    for name, weight in model.decoder.generator.noise_convs.named_parameters():
        if name.endswith("weight"):
            weight[:, config.fft // 2 + 1 :] = 0  # phases: rounding decides between pi and -pi
    return model


def test_kokoro_speaks_a_text_alone_as_in_a_padded_batch(tiny_kokoro, monkeypatch):
    hiss = torch.randn(100_000)
    monkeypatch.setattr(torch, "randn", lambda shape, **_: hiss[: shape[1]].expand(shape))
    lengths, ids = torch.tensor([40, 9, 23, 3, 16]), torch.randint(30, (5, 40))
    styles, speed = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 16))), torch.tensor([1.0, 1.3, 0.8, 2.0, 1.0])
    waveforms, counts = tiny_kokoro(ids, lengths, styles, speed)
    assert len(set(counts.tolist())) > 3
    monkeypatch.setattr(kokoro, "BUCKET_FRAMES", 1)
    monkeypatch.setattr(kokoro, "BUCKET_TOKENS", 1)
    for i, (length, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        one = slice(i, i + 1)
        alone, (samples,) = tiny_kokoro(ids[one, :length], lengths[one], styles[one], speed[one])
        assert samples == count and waveforms[i, :count].std() > 1e-3
        assert (alone[0] - waveforms[i, :count]).abs().max() < 5e-3 * waveforms[i, :count].abs().max()
        assert waveforms[i, count:].abs().sum() == 0


def test_kokoros_speakers_map_phonemes_and_mix_voices(tmp_path):
    symbols = {"_": [0], "^": [1], "$": [2], "a": [14], "b": [15], "q": [29]}
    styles = np.arange(3)[:, None, None] * np.ones((1, 510, 256)) + np.arange(510)[:, None] / 1024
    np.savez(
        tmp_path / "voices.npz",
        names=np.array(["af_x", "bm_y", "zf_z"]),
        styles=styles.astype(np.float16),
        table=kokoro.table({"a": 43, "b": 44}, symbols),
    )
    speakers = kokoro.Speakers(tmp_path / "voices.npz")
    ids = np.array([1, 0, 14, 0, 15, 0, 2, 1, 29, 2, 1, 15, 2], np.int16)
    tokens = speakers.tokens(phonemes.Phonemes(["AB", "Q", "B"], ids, np.array([0, 7, 10, 13])))
    assert [tokens[i].tolist() for i in range(3)] == [[43, 44], [], [44]]
    drawn = speakers.draw(torch.full((400,), 257), np.random.default_rng(0))
    voice_number = drawn[:, 0] - 256 / 1024
    assert drawn.shape == (400, 256) and drawn.std(1).max() == 0
    assert 0.1 < (voice_number.round() - voice_number).abs().gt(1e-3).float().mean() < 0.5
    assert voice_number.max() == 2 and 0 < (voice_number > 1).float().mean() < 0.15


def test_the_sound_of_a_voice_is_brought_to_16_khz():
    hertz, count = 1000.0, 24000
    place = torch.arange(count) / kokoro.SOURCE_RATE
    sound = torch.sin(2 * torch.pi * hertz * place) + torch.sin(2 * torch.pi * 9000 * place)  # the second one has no place
    rows, lengths = resample(F.pad(sound, (0, 1000))[None], torch.tensor([count]), kokoro.SOURCE_RATE)
    expected = torch.sin(2 * torch.pi * hertz * torch.arange(16000) / 16000)
    assert lengths.tolist() == [16000]
    assert (rows[0, 200:15800] - expected[200:15800]).abs().max() < 0.02


def test_a_voices_durations_do_not_depend_on_padding(tiny_voice):
    hidden, noise, mask = torch.randn(1, 16, 20), 2 * torch.randn(1, 2, 20), torch.ones(1, 1, 20)
    whole = tiny_voice.durations(F.pad(hidden, (0, 7)), F.pad(mask, (0, 7)), F.pad(noise, (0, 7), value=3))
    assert torch.allclose(whole[:, :20], tiny_voice.durations(hidden, mask, noise), atol=1e-5)
    assert whole[:, :20].std() > 0.1 and whole[:, 20:].abs().sum() == 0


def test_noise_and_pace_change_a_voice(tiny_voice):
    phonemes, lengths, one = torch.randint(30, (1, 30)), torch.tensor([30]), torch.ones(1)

    def speak(pace: float, noise: float, duration_noise: float, seed: int = 1) -> tuple[torch.Tensor, int]:
        generator = torch.Generator().manual_seed(seed)
        waveforms, counts = tiny_voice(phonemes, lengths, pace * one, noise * one, duration_noise * one, generator)
        return waveforms, int(counts)

    plain, count = speak(1, 0, 0)
    assert speak(3, 0, 0)[1] > 1.5 * count
    assert speak(1, 0, 3)[1] != count
    noisy, same = speak(1, 1, 0)
    assert same == count and not torch.allclose(noisy, plain, atol=1e-4)
    assert torch.equal(noisy, speak(1, 1, 0)[0]) and not torch.equal(noisy, speak(1, 1, 0, seed=2)[0])


def test_the_inverse_spline_undoes_the_spline_of_transformers():
    torch.manual_seed(3)
    widths, heights, slopes = 3 * torch.randn(1, 1, 500, 10), 3 * torch.randn(1, 1, 500, 10), 3 * torch.randn(1, 1, 500, 9)
    x = torch.linspace(-7, 7, 500)[None, None]
    y, _ = _unconstrained_rational_quadratic_spline(x, widths, heights, slopes.clone())
    back = voice.inverse_spline(y, widths, heights, slopes)
    again, _ = _unconstrained_rational_quadratic_spline(back, widths, heights, slopes.clone())
    assert (y - x).abs().max() > 1 and torch.equal(back[x.abs() > 5], x[x.abs() > 5])
    assert torch.allclose(again, y, atol=2e-3) and (back - x).abs().median() < 1e-4


def test_attention_of_a_voice_is_that_of_transformers():
    torch.manual_seed(4)
    config = voice.VoiceConfig(width=16, heads=2, window=4)
    mine = voice.Attention(config)
    other = VitsAttention(VitsConfig(hidden_size=16, num_attention_heads=2, window_size=4)).eval()
    names = {"conv_q": "q_proj", "conv_k": "k_proj", "conv_v": "v_proj", "conv_o": "out_proj"}
    weights = {
        f"{names[name.split('.')[0]]}.{name.split('.')[1]}" if "." in name else name: w for name, w in mine.state_dict().items()
    }
    other.load_state_dict({name: w[:, :, 0] if name.endswith("proj.weight") else w for name, w in weights.items()})
    x = torch.randn(3, 16, 13)
    expected = other(x.transpose(1, 2))[0].transpose(1, 2)
    assert torch.allclose(mine(x, torch.ones(3, 1, 13)), expected, atol=1e-5)


def test_phonemes_come_back_from_their_file(tmp_path: Path):
    whole = phonemes.Phonemes(["I'M A", "B"], np.array([1, 0, 7, 2, 1, 2], np.int16), np.array([0, 4, 6]))
    whole.save(tmp_path / "phonemes.npz")
    back = phonemes.Phonemes.load(tmp_path / "phonemes.npz")
    assert back.texts == whole.texts and [list(back[i]) for i in range(len(back))] == [[1, 0, 7, 2], [1, 2]]
    ids, lengths = back.batch([1, 0])
    assert ids[:, :4].tolist() == [[1, 2, 0, 0], [1, 0, 7, 2]] and lengths.tolist() == [2, 4]
    assert not ids[:, 4:].any()


def test_varied_sentences_show_rare_words_first():
    common = [f"THE CAT SAT ON MAT {word}" for word in ("A", "B") for _ in range(9)]
    rare = ["THE DOG BIT OUR POSTMAN TODAY"] * 5 + ["ONLY MISPRINTZ ARE HERE NOW"]
    chosen = phonemes.varied(common + rare, 3, random.Random(1))
    assert "THE DOG BIT OUR POSTMAN TODAY" in chosen and "ONLY MISPRINTZ ARE HERE NOW" not in chosen
    assert len(chosen) == len(set(chosen)) <= 3


def test_silence_around_a_spoken_number_is_cut_to_a_short_rest():
    said = np.zeros(32_000, np.float32)
    said[12_000:16_000] = np.sin(np.arange(4000))
    lengths = set()
    for seed in range(20):
        cut = within_silence(said, 16_000, random.Random(seed))
        (loud,) = np.nonzero(np.abs(cut) > 0.5)
        assert 0.01 * 16_000 - 1 <= loud[0] <= 0.2 * 16_000 + 2 and len(cut) - loud[-1] <= 0.2 * 16_000 + 3
        lengths.add(len(cut))
    assert len(lengths) > 10  # the rest differs
    assert len(within_silence(np.zeros(100), 16_000, random.Random(1))) == 100


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (" Mr. O\u2019Neil, it's half-past \u2014 isn't it?", "MISTER O'NEIL IT'S HALF PAST ISN'T IT"),
        (" Press 1 now.", None),
        (" [music]", None),
        (" caf\u00e9", None),
        (" 'Tis \u201cso\u201d", "TIS SO"),
        (" ...", None),
    ],
)
def test_a_teachers_text_is_spelled_as_librispeech_or_left_out(written, text):
    assert label.words_of(written) == text


def test_a_folder_without_texts_gets_those_that_teacher_and_student_agree_on(monkeypatch, tmp_path, greedy_texts):
    clips = [clip for clip in examples() if not any(c.isdigit() for c in clip.text)][:3]
    (tmp_path / "in").mkdir()
    for clip in clips:
        shutil.copy(clip.path, tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("no sound")
    said = {len(load(clip.path).samples): greedy_texts[clip.path.name].lower() for clip in clips}

    class Whisper:
        """Right about the first clip, unsure about the second, wrong about the third."""

        def __init__(self, folder: str, compute_type: str) -> None:
            self.answers = dict(zip(said, [(-0.1, None), (-2.0, None), (-0.1, "something else was said here")], strict=True))

        def transcribe(self, samples, **options):
            sure, wrong = self.answers[len(samples)]
            end = len(samples) / 16_000
            return [SimpleNamespace(start=0.0, end=end, text=wrong or said[len(samples)], avg_logprob=sure)], None

    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Whisper))
    target = tmp_path / "out" / "labelled.parquet"
    monkeypatch.setattr(sys, "argv", ["label", str(tmp_path / "in"), "--teacher", "T", "--target", str(target)])
    label.main()
    ((corpus_name, _, text, encoded),) = read_corpora(target.parent)
    assert corpus_name == "labelled" and text == greedy_texts[clips[0].path.name]
    assert soundfile.info(io.BytesIO(encoded)).duration == pytest.approx(load(clips[0].path).seconds, abs=0.01)


def test_the_steps_after_a_training_run_in_order_and_end_at_the_first_failure(monkeypatch, tmp_path):
    codes = {"training.decoding": 0}
    ran = []

    def run(command, **_):
        ran.append(command[2:])
        return SimpleNamespace(returncode=codes.get(command[2], 0))

    monkeypatch.setattr(finish.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["finish", "eval", "--state", "mean.pt", "--data", str(tmp_path)])
    finish.main()
    steps = [["training.export", "mean.pt"], ["training.decoding", "--data", str(tmp_path)], ["training.card", "eval"]]
    assert ran == steps
    codes["training.decoding"] = 1
    with pytest.raises(SystemExit, match=r"training\.decoding failed with exit code 1"):
        finish.main()
    assert ran == [*steps, *steps[:2]]
    ran.clear()
    codes.clear()
    monkeypatch.setattr(sys, "argv", ["finish", "eval"])
    finish.main()
    assert [name for name, *_ in ran] == ["training.decoding", "training.card"]
