"""Whole files of every kind that the core reads, from which benchmarks/fuzz.py makes damaged ones."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from support.checkpoints import make_checkpoint

from w2vkit.audio import load
from w2vkit.decode.lm import save
from w2vkit.decode.lm.build import ngram_from_text
from w2vkit.examples import examples

Seeds = dict[str, bytes]  # by the name of the file
SECONDS = 1.5  # s of speech in each sound
TEXT = "THE CAT SAT ON THE MAT\nTHE DOG SAT ON THE CAT\nA MAT IS NOT A CAT\nGOOD DAY TO THE DOG AND THE CAT\n"
# Name: how libsndfile writes it.
SOUNDFILE: dict[str, dict[str, Any]] = {
    "pcm16.wav": {"subtype": "PCM_16"},
    "pcm24.wav": {"subtype": "PCM_24"},
    "pcm8.wav": {"subtype": "PCM_U8"},
    "float.wav": {"subtype": "FLOAT"},
    "ulaw.wav": {"subtype": "ULAW"},
    "adpcm.wav": {"subtype": "IMA_ADPCM"},
    "gsm.wav": {"subtype": "GSM610"},
    "extensible.wav": {"format": "WAVEX", "subtype": "PCM_16"},
    "big.wav": {"format": "RF64", "subtype": "PCM_16"},
    "a.flac": {},
    "vorbis.ogg": {"format": "OGG", "subtype": "VORBIS"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    "a.aiff": {"format": "AIFF"},
    "a.caf": {"format": "CAF"},
    "alac.caf": {"format": "CAF", "subtype": "ALAC_16"},
    "a.w64": {"format": "W64"},
    "a.au": {"format": "AU"},
    "a.voc": {"format": "VOC"},
    "a.sph": {"format": "NIST"},
}
# Name: container, codec and options, as FFmpeg names them.
FFMPEG: dict[str, tuple[str, str, dict[str, str]]] = {
    "a.m4a": ("mp4", "aac", {}),
    "fragmented.mp4": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "alac.m4a": ("ipod", "alac", {}),
    "a.mov": ("mov", "pcm_s16le", {}),
    "a.webm": ("webm", "libopus", {}),
    "live.webm": ("webm", "libopus", {"live": "1"}),
    "a.mkv": ("matroska", "flac", {}),
    "a.aac": ("adts", "aac", {}),
    "a.wma": ("asf", "wmav2", {}),
    "a.avi": ("avi", "mp3", {}),
    "a.flv": ("flv", "aac", {}),
    "a.ts": ("mpegts", "aac", {}),
    "a.mpg": ("mpeg", "mp2", {}),
    "a.ac3": ("ac3", "ac3", {}),
    "a.eac3": ("eac3", "eac3", {}),
    "a.nut": ("nut", "pcm_s16le", {}),
    "a.tta": ("tta", "tta", {}),
    "a.wv": ("wv", "wavpack", {}),
    "a.rm": ("rm", "real_144", {}),
    "a.3gp": ("3gp", "aac", {}),
    "mp3.wav": ("wav", "libmp3lame", {}),
    "multiplexed.ogg": ("ogg", "flac", {}),
}


def seeds(kind: str) -> Seeds:
    """Give whole files of a kind, a name of `KINDS`; an encoder that this build of FFmpeg lacks leaves its file out."""
    return KINDS[kind]()


def _sound() -> Seeds:
    samples = load(examples()[0].path).samples[: int(SECONDS * 16_000)]
    found: Seeds = {}
    for name, options in SOUNDFILE.items():
        stereo = np.stack([samples, samples[::-1]], axis=1) if name == "extensible.wav" else samples
        rate = 48_000 if name == "a.opus" else 16_000
        file = io.BytesIO()
        try:
            given: dict[str, Any] = {"format": name.rpartition(".")[2].upper()} | options
            soundfile.write(file, stereo, rate, **given)
        except (soundfile.LibsndfileError, ValueError):
            continue
        found[name] = file.getvalue()
    for name, (container, codec, options) in FFMPEG.items():
        try:
            found[name] = encode(samples, container, codec, options)
        except Exception as error:  # FFmpeg's builds differ in their encoders
            print(f"{name} is left out: {error}")
    return found


def encode(samples: np.ndarray, container: str, codec: str, options: dict[str, str] | None = None) -> bytes:
    """Encode (N,) samples at 16 kHz with FFmpeg."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container, options={"fflags": "+bitexact"} | (options or {})) as output:
        codec_rates = av.Codec(codec, "w").audio_rates
        rate = min((r for r in codec_rates or [44_100] if r >= 16_000), default=8_000)
        track: Any = output.add_stream(codec, rate=rate)
        track.layout, track.codec_context.bit_rate = "mono", 64_000
        track.codec_context.open()
        whole = av.AudioFrame.from_ndarray((samples[None] * 32_767).astype(np.int16), format="s16", layout="mono")
        whole.rate, whole.pts = 16_000, 0
        resampler = av.AudioResampler(format=track.codec_context.format.name, layout="mono", rate=rate)
        queue, position = av.AudioFifo(), 0
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            frame.pts = None
            queue.write(frame)
        while (frame := queue.read(track.codec_context.frame_size or 1024, partial=True)) is not None:
            frame.pts, frame.time_base = position, Fraction(1, rate)
            position += frame.samples
            for packet in track.encode(frame):
                output.mux(packet)
        for packet in track.encode(None):
            output.mux(packet)
    return file.getvalue()


def _language_models() -> Seeds:
    model = ngram_from_text(TEXT)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.arpa", "a.arpa.gz", "a.npz")]
        for path in paths:
            save(model, path)
        return {path.name: path.read_bytes() for path in paths}


def rows() -> list[dict[str, Any]]:
    """Rows of a data set: paths of example clips, which lie beside the table as ``0.wav`` to ``2.wav``."""
    return [
        {"id": f"one-{k}", "audio_filepath": f"{k}.wav", "text": text, "speaker_id": k % 2, "offset": 0.1 * k, "duration": 0.5}
        for k, text in enumerate(TEXT.splitlines()[:3])
    ]


def _tables() -> Seeds:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [{"id": row["id"], "path": row["audio_filepath"], "text": row["text"]} for row in rows()]
    found: Seeds = {}
    for name, mark in (("a.csv", ","), ("a.tsv", "\t")):
        lines = [list(plain[0]), *([f'"{value}"' if mark == "," else value for value in row.values()] for row in plain)]
        found[name] = "\n".join(mark.join(line) for line in lines).encode() + b"\n"
    found["a.jsonl"] = "".join(json.dumps(row) + "\n" for row in plain).encode()
    found["nemo.json"] = "".join(json.dumps(row) + "\n" for row in rows()).encode()
    sound = io.BytesIO()
    soundfile.write(sound, load(examples()[0].path).samples[:8_000], 16_000, format="FLAC")
    hub = [
        {"audio": {"bytes": sound.getvalue(), "path": f"{k}.flac"}, "text": row["text"], "id": k}
        for k, row in enumerate(rows())
    ]
    for name, table, options in (
        ("hub.parquet", hub, "NONE"),
        ("packed.parquet", hub, "ZSTD"),
        ("paths.parquet", rows(), "SNAPPY"),
    ):
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(table), file, row_group_size=2, compression=options)  # pyright: ignore[reportArgumentType]
        found[name] = file.getvalue()
    return found


def _texts() -> Seeds:
    lines = TEXT.splitlines()
    times = [(f"00:00:0{k}", f"00:00:0{k + 1}") for k in range(len(lines))]
    srt = "".join(
        f"{k + 1}\n{a},000 --> {b},500\n{line}\n\n" for k, ((a, b), line) in enumerate(zip(times, lines, strict=True))
    )
    vtt = "".join(
        f"{a}.000 --> {b}.500 align:start\n<v Ann>{line} &amp; <i>so on</i>\n\n"
        for (a, b), line in zip(times, lines, strict=True)
    )
    ctm = "".join(f"one-{k} 1 0.{j} 0.1 {word} 0.9\n" for k, line in enumerate(lines) for j, word in enumerate(line.split()))
    return {
        "a.txt": TEXT.encode(),
        "a.srt": srt.encode(),
        "a.vtt": ("WEBVTT\n\nNOTE not said\n\nSTYLE\n::cue {}\n\n" + vtt).encode(),
        "a.trn": "".join(f"{line} (one-{k})\n" for k, line in enumerate(lines)).encode(),
        "a.ctm": ctm.encode(),
    }


def _checkpoints() -> Seeds:
    found: Seeds = {}
    with tempfile.TemporaryDirectory() as folder:
        for norm in ("layer", "group"):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                for path in sorted(make_checkpoint(Path(folder) / norm, norm).iterdir()):
                    archive.write(path, path.name)
            found[f"{norm}.zip"] = file.getvalue()
    return found


KINDS: dict[str, Callable[[], Seeds]] = {
    "sound": _sound,
    "language-model": _language_models,
    "table": _tables,
    "text": _texts,
    "checkpoint": _checkpoints,
}
