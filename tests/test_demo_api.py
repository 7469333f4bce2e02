"""The page's endpoints for programs, called as programs do."""

import re
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from w2vkit import language_model
from w2vkit.decode import beam_search
from w2vkit.examples import examples
from w2vkit.transcribe import transcribe

SAY = examples()[0]


@pytest.fixture(scope="module")
def client(url) -> Client:
    return Client(url, verbose=False)


@pytest.mark.parametrize("clip", examples(), ids=lambda clip: clip.path.name)
def test_a_clip_comes_back_as_json(client, clip, heard):
    answer = client.predict(handle_file(str(clip.path)), api_name="/transcribe")
    assert answer["text"] == heard[clip.path.name] == " ".join(word["text"] for word in answer["words"])
    assert all(0 <= word["start"] < word["end"] <= answer["seconds"] for word in answer["words"])


def test_decoders_are_named(client):
    clip = handle_file(str(SAY.path))
    beam = client.predict(clip, decoder="beam", api_name="/transcribe")
    hot = client.predict(clip, decoder="hotwords", hotwords="zebra, river", api_name="/transcribe")
    learned = client.predict(clip, decoder="language model", lm_text=SAY.text, api_name="/transcribe")
    assert beam["text"] and hot["text"]
    assert set(learned["text"].split()) & set(SAY.text.split())
    with pytest.raises(AppError, match="Choose one of: greedy, beam"):
        client.predict(clip, decoder="oracle", api_name="/transcribe")
    with pytest.raises(AppError, match="no hot words"):
        client.predict(clip, decoder="hotwords", api_name="/transcribe")


def test_the_bundled_language_model_reads_as_it_does_offline(client):
    found = client.predict(handle_file(str(SAY.path)), decoder="bundled", api_name="/transcribe")
    decode = partial(beam_search, language_model=language_model.load(language_model.BUNDLED))
    assert found["text"] == transcribe(SAY.path, "w2v-mini", decode=decode).text


def test_a_known_text_is_aligned_to_its_characters(client):
    answer = client.predict(handle_file(str(SAY.path)), SAY.text, api_name="/align")
    assert [word["text"] for word in answer["words"]] == SAY.text.split()
    assert "".join(character["text"] for character in answer["characters"]) == SAY.text.replace(" ", "")
    starts = [word["start"] for word in answer["words"]]
    assert starts == sorted(starts) and answer["unmapped"] == []
    with pytest.raises(AppError, match="longer than the sound allows"):
        client.predict(handle_file(str(SAY.path)), SAY.text * 20, api_name="/align")


def test_two_set_ups_are_compared(client, heard):
    answer = client.predict(handle_file(str(SAY.path)), sound_b="noise", snr_b=-5, api_name="/compare")
    assert answer["a"]["text"] == heard[SAY.path.name]
    assert [a for a, _ in answer["pairs"] if a] == answer["a"]["text"].split()
    assert [b for _, b in answer["pairs"] if b] == answer["b"]["text"].split()
    assert answer["b"]["text"] != answer["a"]["text"]


def test_a_model_is_named_for_a_request(client, heard):
    clip = handle_file(str(SAY.path))
    assert client.predict(clip, model="w2v-mini", api_name="/transcribe")["text"] == heard[SAY.path.name]
    for name in ("facebook/wav2vec2-base-960h", "/etc", "../w2v-mini"):
        with pytest.raises(AppError, match="to choose here"):
            client.predict(clip, model=name, api_name="/transcribe")


def test_the_models_are_listed(client):
    models = client.predict(api_name="/models")
    assert [model["name"] for model in models if model["running"]] == ["w2v-mini"]
    assert any(model["where"] == "on the Hub" for model in models)


@pytest.mark.parametrize(("content", "cause"), [(b"", "empty"), (b"<script>alert(1)</script>", "could not be read as audio")])
def test_bad_files_are_one_readable_message(client, tmp_path, content, cause):
    path = tmp_path / "<img src=x onerror=alert(1)>.wav"
    path.write_bytes(content)
    with pytest.raises(AppError, match=cause):
        client.predict(handle_file(str(path)), api_name="/transcribe")


def test_sound_beyond_the_limit_is_refused_by_its_header(client, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 601, np.int16), 8000)
    with pytest.raises(AppError, match="longer"):
        client.predict(handle_file(str(path)), api_name="/transcribe")


def test_files_of_the_server_that_nobody_uploaded_are_refused(url, write, tone):
    private = write("private.wav", tone)  # sound, so that only the refusal can stop it; Gradio's client would upload it
    calls = f"{url}gradio_api/call/transcribe"
    for path in (str(private), f"{SAY.path.parent}/../../../{private}", "/etc/hostname"):
        given = {"path": path, "meta": {"_type": "gradio.FileData"}}
        event = httpx.post(calls, json={"data": [given, "greedy", "", "", ""]}, timeout=60).json()["event_id"]
        answer = httpx.get(f"{calls}/{event}", timeout=120).text
        assert "event: error" in answer and "seconds" not in answer


def test_what_the_readme_says_of_programs_runs(url, heard, capsys):
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if "gradio_client" in block]
    assert blocks
    for block in blocks:
        exec(block.replace("http://127.0.0.1:7860/", url), {})
    assert heard[SAY.path.name] in capsys.readouterr().out
