"""Imports what notebooks import, and what that imports when it first runs; this takes longer than most notebooks do.

It must start no thread, as its process is forked. `lesson` is left out: it reads the environment of its kernel.
"""

import importlib

for name in (
    "av",
    "datasets",
    "huggingface_hub.repocard",
    "ipykernel.kernelapp",
    "ipywidgets",
    "jiwer",
    "librosa.core.constantq",
    "librosa.core.spectrum",
    "librosa.effects",
    "librosa.feature.spectral",
    "librosa.util.utils",
    "plotly.graph_objs._figurewidget",
    "plotly.subplots",
    "scipy.stats",
    "soxr",
    "transformers.models.wav2vec2.feature_extraction_wav2vec2",
    "transformers.models.wav2vec2.modeling_wav2vec2",
    "transformers.models.wav2vec2.processing_wav2vec2",
    "transformers.models.wav2vec2.tokenization_wav2vec2",
    "w2vkit.cli",
    "w2vkit.model.ctc_model",
    "w2vkit.pipeline.transcription",
):
    importlib.import_module(name)
