"""The page's endpoints for programs, called by Gradio's client."""

import re
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from w2vkit.examples import examples

SAY = examples()[0]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(page_url) -> Client:
    return Client(page_url, verbose=False)


@pytest.mark.parametrize("clip", examples(), ids=lambda clip: clip.path.name)
def test_a_clip_comes_back_as_json(client, clip, default_texts):
    answer = client.predict(handle_file(str(clip.path)), api_name="/transcribe")
    assert answer["text"] == default_texts[clip.path.name] == " ".join(word["text"] for word in answer["words"])
    assert all(0 <= word["start"] < word["end"] <= answer["seconds"] for word in answer["words"])
    assert answer["audio"] == clip.path.name


def test_the_answer_has_a_note_on_channels_that_cancel(client, tmp_path):
    samples, rate = soundfile.read(SAY.path, dtype="float32")
    soundfile.write(tmp_path / "inverted.wav", np.stack([samples, -samples], axis=1), rate)
    answer = client.predict(handle_file(str(tmp_path / "inverted.wav")), api_name="/transcribe")
    (note,) = answer["notes"]
    assert "inverted.wav cancel each other" in note and answer["text"]


def test_a_request_chooses_its_decoder_by_name(client):
    clip = handle_file(str(SAY.path))
    beam = client.predict(clip, decoder="beam", api_name="/transcribe")
    hot = client.predict(clip, decoder="hotwords", hotwords="zebra, river", api_name="/transcribe")
    learned = client.predict(clip, decoder="language model", lm_text=SAY.text, api_name="/transcribe")
    assert beam["text"] and hot["text"]
    assert set(learned["text"].split()) & set(SAY.text.split())
    with pytest.raises(AppError, match=r"Argument decoder: .*Choose one of: greedy, beam"):
        client.predict(clip, decoder="oracle", api_name="/transcribe")
    with pytest.raises(AppError, match=r"Argument hotwords: .*no words to expect"):
        client.predict(clip, decoder="hotwords", api_name="/transcribe")


def test_checkpoint_is_the_default_decoder_and_bundled_is_w2v_minis(client, default_texts, greedy_texts):
    clip = handle_file(str(SAY.path))
    for decoder in ("", "checkpoint", "bundled"):  # the model is w2v-mini itself
        assert client.predict(clip, decoder=decoder, api_name="/transcribe")["text"] == default_texts[SAY.path.name]
    assert client.predict(clip, decoder="greedy", api_name="/transcribe")["text"] == greedy_texts[SAY.path.name]


def test_a_known_text_is_aligned_to_its_characters(client):
    answer = client.predict(handle_file(str(SAY.path)), SAY.text, api_name="/align")
    assert [word["text"] for word in answer["words"]] == SAY.text.split()
    assert "".join(character["text"] for character in answer["characters"]) == SAY.text.replace(" ", "")
    assert answer["audio"] == SAY.path.name
    starts = [word["start"] for word in answer["words"]]
    assert starts == sorted(starts) and answer["unmapped"] == []
    with pytest.raises(AppError, match=r"Argument text: .*longer than the sound allows"):
        client.predict(handle_file(str(SAY.path)), SAY.text * 20, api_name="/align")


def test_two_set_ups_are_compared(client, default_texts):
    answer = client.predict(handle_file(str(SAY.path)), sound_b="noise", snr_b=-5, api_name="/compare")
    assert answer["a"]["text"] == default_texts[SAY.path.name]
    assert [a for a, _ in answer["pairs"] if a] == answer["a"]["text"].split()
    assert [b for _, b in answer["pairs"] if b] == answer["b"]["text"].split()
    assert answer["b"]["text"] != answer["a"]["text"]
    assert answer["a"]["audio"] == answer["b"]["audio"] == SAY.path.name


def test_each_set_up_has_its_own_speed_and_model(client):
    clip = handle_file(str(SAY.path))
    answer = client.predict(clip, speed_b=2, model_b="w2v-mini", decoder_b="greedy", api_name="/compare")
    assert answer["b"]["seconds"] == pytest.approx(answer["a"]["seconds"] / 2, abs=0.01)
    for given, cause in (
        ({"model_a": "none/such"}, "Argument model_a: .*does not offer"),
        ({"speed_b": 0}, "Argument speed_b: .*speed 0 is out of range"),
        ({"sound_b": "loud"}, "Argument sound_b: .*Choose one of: clean"),
        ({"decoder_a": "oracle"}, "Argument decoder_a: .*Choose one of: greedy"),
    ):
        with pytest.raises(AppError, match=cause):
            client.predict(clip, **given, api_name="/compare")


def test_a_model_is_named_for_a_request(client, default_texts):
    clip = handle_file(str(SAY.path))
    assert client.predict(clip, model="w2v-mini", api_name="/transcribe")["text"] == default_texts[SAY.path.name]
    for name in ("facebook/wav2vec2-base-960h", "/etc", "../w2v-mini"):
        with pytest.raises(AppError, match="does not offer"):
            client.predict(clip, model=name, api_name="/transcribe")


def test_the_endpoint_lists_the_models(client):
    models = client.predict(api_name="/models")
    assert [model["name"] for model in models if model["running"]] == ["w2v-mini"]
    assert any(model["where"] == "on the Hub" for model in models)


@pytest.mark.parametrize(("content", "cause"), [(b"", "empty"), (b"<script>alert(1)</script>", "could not be read as audio")])
def test_bad_files_are_one_readable_message(client, tmp_path, content, cause):
    path = tmp_path / "<img src=x onerror=alert(1)>.wav"
    path.write_bytes(content)
    with pytest.raises(AppError, match=f"Argument audio: .*{cause}"):
        client.predict(handle_file(str(path)), api_name="/transcribe")


def test_sound_beyond_the_limit_is_refused_by_its_header(client, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 601, np.int16), 8000)
    with pytest.raises(AppError, match="Argument audio: The sound is longer than 10 min"):
        client.predict(handle_file(str(path)), api_name="/transcribe")


def test_files_of_the_server_that_nobody_uploaded_are_refused(page_url, write, tone):
    private = write("private.wav", tone)  # valid sound; not sent by Gradio's client, which would upload it
    calls = f"{page_url}gradio_api/call/transcribe"
    for path in (str(private), f"{SAY.path.parent}/../../../{private}", "/etc/hostname"):
        given = {"path": path, "meta": {"_type": "gradio.FileData"}}
        event = httpx.post(calls, json={"data": [given, "greedy", "", "", ""]}, timeout=60).json()["event_id"]
        answer = httpx.get(f"{calls}/{event}", timeout=120).text
        assert "event: error" in answer and "seconds" not in answer
        assert "Argument audio: this file was not uploaded" in answer and "handle_file" in answer


def test_the_list_of_calls_has_code_with_an_example_clip_that_runs(client, page_url, default_texts):
    calls = httpx.get(f"{page_url}gradio_api/info", timeout=60).json()["named_endpoints"]
    assert set(calls) == {"/transcribe", "/align", "/compare", "/models"}
    for name in ("/transcribe", "/align", "/compare"):
        (audio,) = (one for one in calls[name]["parameters"] if one["parameter_name"] == "audio")
        assert Path(audio["example_input"]["path"]).name == SAY.path.name
    answer = client.predict(handle_file(audio["example_input"]["path"]), api_name="/transcribe")
    assert answer["text"] == default_texts[SAY.path.name]


def test_the_example_in_the_guide_to_the_page_runs(page_url, default_texts, capsys):
    text = (Path(__file__).parents[2] / "docs" / "guides" / "page.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if "gradio_client" in block]
    assert blocks
    for block in blocks:
        exec(block.replace("http://127.0.0.1:7860/", page_url), {})
    assert default_texts[SAY.path.name] in capsys.readouterr().out
