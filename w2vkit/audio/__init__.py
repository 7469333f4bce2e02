"""Load any source of audio (file, bytes, array, data set row) as one `Waveform`: mono, float32, 16 kHz."""

from w2vkit.audio.waveform import MAX_SECONDS, SAMPLE_RATE, Waveform, load, stream

__all__ = ["MAX_SECONDS", "SAMPLE_RATE", "Waveform", "load", "stream"]
