"""Every text of the page."""

TITLE = "w2vkit · speech to text with wav2vec 2.0"
HEADING = (
    "# w2vkit\nSpeak, or drop a recording (WAV, FLAC, MP3, OGG, M4A, MP4, WebM): see the words, how sure the model is of each, "
    "and what it heard in every 20 ms."
)
NOTICE = "<strong>The small model is standing in</strong> for the large one. Why, and how to get that one"
PRIVACY = "Recordings stay on the machine that runs this page and are deleted after an hour."
RUNS = "<strong>{name}</strong> is loaded, on {device} in {dtype} · {labels} labels, one frame every {frame:.0f} ms"

TAB_TRANSCRIBE, TAB_ALIGN, TAB_COMPARE, TAB_ABOUT = "Transcribe", "Align", "Compare", "About"
TAB_LIVE = "Live"
SOURCE = "Your voice, or a file"
EXAMPLES = "Or try one of these synthetic voices"
EMPTY = "Record something, choose a file or take an example first."
FAILED = "This did not work."

MODEL = "Model"
MODEL_ABOUT = "One of this machine, or the Hub name of any wav2vec 2.0 CTC model (owner/model)"
MODEL_LOCAL = "The models of this machine"
MODEL_LOADING = "Loading {name}: {share:.0%} of the download"
MODEL_STOP = "Stop loading"
NO_MODEL = "There is no model {name!r} to choose here. Choose one of: {choices}; or start w2vkit demo with --model."
STOPPED = "Loading {name} was stopped. What has come of it is kept for the next time."

TRANSCRIBE = "Transcribe"
TEXT = "The text"
NOTHING = "Nothing was said that the model could write down."
SUMMARY = (
    "{seconds:.1f} s of sound · {elapsed:.2f} s to transcribe ({speed:.1f} times real time) · "
    "mean word confidence {confidence:.0%} · {model} on {device}, {decoder}"
)
DOWNLOAD = "Download as {format}"
TIMES = "Times of the words"
TIMES_HEAD = ("word", "start (s)", "end (s)", "confidence")
NBEST = "Other texts that are likely (n-best)"
NBEST_BUTTON = "Search for the five likeliest texts"
NBEST_HEAD = ("text", "score")
NBEST_ABOUT = (
    "Beam search, 32 prefixes wide. The score is the log-probability of the text, added up over its paths; where a language "
    "model reads along, with what that says of the words."
)

REFERENCE = "What was really said?"
REFERENCE_ABOUT = "Paste the true text. Case, punctuation and digits do not count: it is spelled as the model can write it."
SCORE = "Count the errors"
SCORED = (
    "<strong>WER {wer:.1%}</strong> · CER {cer:.1%} · {substitutions} wrong, {deletions} left out, "
    "{insertions} added, of {words} words"
)
MARKS = "<s>left out</s> <ins>added</ins> <s>said</s><b>heard instead</b>"

LIVE_ABOUT = (
    "Press Record and speak: the words appear while you do. Those in full colour are settled, the grey ones may still change. "
    "Where w2v-mini listens, its language model reads along. The sound is not kept."
)
LIVE_WORDS = "What was heard so far"
LIVE_HINT = "Your words appear here."
LIVE_FACTS = "{seconds:.1f} s heard · the text came {delay:.1f} s after the sound · {lost}"
LIVE_DROPPED = "{seconds:.1f} s of sound were dropped, because the connection or the machine did not keep up"
LIVE_WHOLE = "no sound was dropped"
LIVE_OVER = "A live session may last {seconds:g} s, and these are over. Press Stop, copy the text, and record again."
LIVE_BAD = "The page sent something that is no sound. Reload it, and record again."
LIVE_TEXT = "The whole text"
LIVE_CLEAR = "Clear"
LIVE_VIEW = {
    "idle": "Record",
    "opening": "The microphone is being opened",
    "recording": "Stop",
    "stopping": "The last words are being read",
    "refused": "The browser gives no sound. Let it use the microphone, and try again.",
    "lost": "The server does not answer. What was heard so far is below.",
    "insecure": "The browser gives no microphone to this address. Open the page by https, or at localhost.",
}

ALIGN_ABOUT = "Give a recording and the text that was said: forced alignment finds where each word is."
ALIGN_TEXT = "The text that was said"
ALIGN = "Align"
ALIGNED = "{seconds:.1f} s of sound, {words} words in {elapsed:.2f} s · mean word confidence {confidence:.0%}"
UNMAPPED = "The model cannot spell {characters}: anything may stand there."

COMPARE_ABOUT = (
    "One recording, two set-ups. What differs in the texts is marked; both views share one time axis, zoom and cursor."
)
COMPARE = "Compare"
SETUP = "Set-up {letter}"
SOUND, DECODER, SNR, SPEED = "Sound", "Decoder", "Signal to noise (dB)", "Speed (times)"
SOUNDS = {"as it is": "clean", "with noise": "noise", "through a telephone (8 kHz)": "telephone"}
DECODERS = {
    "greedy": "greedy",
    "beam search": "beam",
    "beam search with hot words": "hotwords",
    "beam search with the bundled language model": "bundled",
    "beam search with a language model of your text": "language model",
}
READING = "How the letters become words"
READING_ABOUT = "w2v-mini spells by ear: a language model of English puts that right. Larger models do well without."
READINGS = {"with the bundled language model (beam search)": "bundled", "letter by letter, as it sounds (greedy)": "greedy"}
HOTWORDS = "Hot words, separated by commas"
HOTWORDS_EXAMPLE = "such as: RIVER, CHILDREN"
LM_TEXT = "A language model of your text"
LM_TEXT_ABOUT = "What it learns from, one sentence per line; at first the sentences of the examples."
COMPARED_SPEED = ", {speed:g} times as fast"
COMPARED = "Set-up {letter}: {sound}, {model}, {decoder} · {elapsed:.2f} s · mean word confidence {confidence:.0%}"
DIFFERENCES = "From A to B: {changed} of {words} words change"
SAME = "Both set-ups give the same text."
NOTHING_HEARD = "{letter} heard no words."
COMPARE_MARKS = "<s>only in A</s> <ins>only in B</ins> <s>A</s><b>B</b>"
SEARCH_ENDED = "The search was ended from outside, twice. The machine may be short of memory: try again, or greedy decoding."
NO_HOTWORDS = "There are no hot words. Write some, separated by commas, or choose another decoder."
WRONG_CHOICE = "There is no {kind} {value!r}. Choose one of: {choices}."
TOO_MUCH_TEXT = "The text has {length:,} characters, the page takes {limit:,}. Shorten it, or use the command line."

ABOUT = """
### The model

[facebook/wav2vec2-large-960h-lv60-self](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) learned the sounds of
speech from 53,000 hours of recordings without text (Libri-Light), then to spell from 960 hours with text (LibriSpeech), with
self-training. It takes sound at 16 kHz and gives, for every 20 ms, the probability of 32 characters. Apache-2.0.
wav2vec 2.0: Alexei Baevski, Henry Zhou, Abdelrahman Mohamed, Michael Auli (2020), https://arxiv.org/abs/2006.11477;
self-training: https://arxiv.org/abs/2010.11430.

**Published by its card**: word error rate (WER) **{clean} %** on LibriSpeech test-clean, **{other} %** on test-other.
"""
MEASURED = "What was measured with the model that is running: {name}"
MEASURED_HEAD = ("speech", "WER", "CER")
MEASURED_ABOUT = (
    "From the checkpoint's own card: the network alone, as a rule, read greedily. w2v-mini reads here with its language model "
    "and makes fewer errors; its card gives both. A WER above 100 % is possible: words can be added, too."
)
NOT_MEASURED = "The card of this checkpoint gives no results. Measure it: w2vkit evaluate DATA --model {name}"
PAPER = "How little text is needed"
PAPER_ABOUT = (
    "The paper's WER on LibriSpeech by hours of transcribed speech in fine-tuning (large model, 53,000 hours without text "
    "before, with a language model). The 10 hours as listed by Papers with Code."
)
CLEAN, OTHER = "test-clean", "test-other"
MORE = """
### Look further

The notebooks in `notebooks/` take the model apart step by step. On the command line: `w2vkit --help`.
For programs: the link "Use via API" below lists `/transcribe`, `/align`, `/compare` and `/models`.
"""

# The linked view; {names} are filled in by its script.
VIEW = {
    "name": "Waveform, words and probabilities",
    "legend": "How sure the model is:",
    "sure": "sure (80 % and more)",
    "likely": "likely (50 % and more)",
    "doubtful": "doubtful",
    "words": "The words; press one to hear it",
    "word": "{text}: {confidence} %, {shade}, {start} to {end} s",
    "nothing": NOTHING,
    "play": "Play",
    "pause": "Pause",
    "closer": "Zoom in",
    "wider": "Zoom out",
    "all": "All",
    "whole": "Show all, or the first minute",
    "back": "Earlier",
    "on": "Later",
    "fold": "Hide the blank",
    "place": "{start} to {stop} of {seconds} s",
    "stage": (
        "Waveform, words and probability of every character over time. Arrow keys move the cursor by a frame, plus and "
        "minus zoom, space plays, Enter plays the word at the cursor."
    ),
    "frame": "Frame {frame}: {start} to {end} s",
    "path": "The likeliest label of each frame around it; repeats are merged, blanks (·) dropped:",
    "becomes": "becomes",
    "empty": "nothing",
    "tiny": "under 0.1 %",
    "hint": (
        "Point at a frame to see its five likeliest characters. Click a word to hear it. Drag to move; zoom by two fingers, by "
        "the wheel after a click, by Ctrl and wheel, or by the buttons. Arrow keys go frame by frame."
    ),
    "silent": "The sound could not be played.",
}

API = {
    "transcribe": "A sound file to text, with the words' times and confidence.",
    "align": "A sound file and the text that was said: where every word, line and character is.",
    "compare": "One sound file by two set-ups: both results, and their words side by side.",
    "models": "The models that this machine can name, and which one is running.",
}
API_MODEL = "one of those of this machine that /models lists; empty for the one that runs"
API_DECODER = (
    "greedy, beam, bundled (with the language model that lies in the checkpoint's folder, or else w2v-mini's), hotwords or "
    "language model; empty for what suits the model: bundled if there is one in its folder, or else greedy"
)
API_SOUND = "clean, noise or telephone"
API_SPEED = "how many times as fast the sound is played, 0.25 to 4"
