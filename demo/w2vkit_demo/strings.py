"""Every text of the page."""

TITLE = "w2vkit · speech to text with wav2vec 2.0"
HEADING = (
    "# w2vkit\nSpeak, or drop a recording: see the words, how sure the model is of each, and what it heard in every 20 ms."
)
SOURCE = "Your voice (microphone, or a file: WAV, FLAC, MP3, OGG, M4A, MP4, WebM)"
TRANSCRIBE = "Transcribe"
TRANSCRIPT = "Transcript: the colour says how sure the model is of each word"
EMISSIONS = "What the model heard: the probability of every character in every frame of 20 ms"
EXAMPLES = "Or try one of these synthetic voices"
NOTHING = "*Nothing was said that the model could write down.*"
FAILED = "**This did not work.** {reason}"
SUMMARY = (
    "{seconds:.1f} s of sound · {elapsed:.2f} s to transcribe ({speed:.0f} times real time) · "
    "mean word confidence {confidence:.0%}"
)
RUNS = "Model **{name}** on **{device}** in {dtype} · {labels} labels, one frame every {frame:.0f} ms"
NOTICE = "> **The small model is standing in.** {notice}"
EMPTY = "Record something, choose a file or take an example first."
PRIVACY = "Recordings stay on the machine that runs this page and are deleted after an hour."
