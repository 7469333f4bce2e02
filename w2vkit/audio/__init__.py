"""Any source of audio (file, bytes, array, data set row) to one `Waveform`: mono, float32, 16 kHz.

Needs NumPy, soundfile, soxr and PyAV; imports nothing of w2vkit but its errors.
"""

from w2vkit.audio.waveform import MAX_SECONDS, SAMPLE_RATE, Waveform, load, stream

__all__ = ["MAX_SECONDS", "SAMPLE_RATE", "Waveform", "load", "stream"]
