"""Every text of the page. A pupil of 15 and a phonetician should both understand it."""

TITLE = "w2vkit · speech to text with wav2vec 2.0"
HEADING = "w2vkit"
PROMISE = "Speech to text that you can look into: what was said, how sure that is, and why."
SKIP = "Skip to the result"
LOADING = "The page is loading ..."
NOTICE = "You are using the small built-in model. The large one makes far fewer errors. How to get it"
LARGE_COMES = "The small model is in use while the large one is downloaded: {done:,.0f} of {total:,.0f} MB{left}"
LARGE_LEFT = ", about {time} left"
LARGE_BAR = "Download of the large model"
LARGE_READY = "The large model is on this computer now. It makes far fewer errors."
LARGE_STOPPED = "The small model is in use. The download of the large one was stopped; what has come is kept."
LARGE_FAILED = (
    "The large model could not be downloaded, because the machine that runs this page does not reach huggingface.co. Try again "
    "later: press Resume the download."
)
LARGE_USE, LARGE_STOP, LARGE_RESUME = "Use the large model", "Stop the download", "Resume the download"
PRIVACY = (
    "Recordings stay on the machine that runs this page and are deleted after an hour. The last results stay in your browser."
)
ERASE = "Erase them"
RECORDS = "Recording"
RUNS = "Ready: <strong>{name}</strong> (on {device})"
DEVICES = {"cpu": "the processor", "cuda": "the graphics card", "mps": "the graphics chip"}

TAB_TRANSCRIBE, TAB_ALIGN, TAB_COMPARE, TAB_ABOUT = "Transcribe", "Align", "Compare", "About"
TAB_LIVE = "Live"
SOURCE = "Your voice, or a file"
LIMITS = "WAV, MP3, M4A, FLAC, MP4, WebM ... up to {minutes:g} min and {mb:g} MB. English, unless you choose another model."
TOO_LONG = "The sound is longer than {minutes:g} min, the most that this page takes. Cut it into parts."
TOO_LARGE_FILE = "This file is larger than {mb:g} MB, the most that this page takes. Save it as MP3, or cut it into parts."
FIRST_OF_SEVERAL = "Only {name} was taken: this tab reads one file. Transcribe takes several at once."
MIC_REFUSED = "The browser gives no sound. Allow this page to use the microphone, then press Record again."
EXAMPLES = "Or try an example"
EXAMPLE_TITLES = (
    "A woman in a quiet room",
    "A British man, slowly",
    "A man counts to nine",
    "A British woman in a noisy room",
    "She asks, he answers (stereo)",
    "An old robot voice",
)
HARD_EXAMPLE = "The robot in loud noise: hard to read"
EXAMPLE_TEXTS = {"play": "Listen", "stop": "Stop"}
OPTIONS = "Options"
EMPTY = "Record something, choose a file or take an example first."
WAITING = "Choose a sound. Its words appear here."
BUSY = "Reading the sound ..."
BUSY_LONG = "Reading the sound: {share}"
SHARE = "{done:.0f} of {all:.0f} {unit}"
STOP = "Stop"
STOPPED_READING = "This was stopped. Choose a sound."
STOPPED_SEVERAL = "This was stopped. The zip has the files that were ready."
SEVERAL = "Several files"
SEVERAL_ABOUT = "Choose or drop files. They are read one after the other; a file that cannot be read does not end the others."
SEVERAL_FORMATS = "Formats in the zip"
SEVERAL_HEAD = ("file", "result")
SEVERAL_WAITS, SEVERAL_READS, SEVERAL_DONE = "waits", "is being read", "{words} words, {confidence}"
SEVERAL_SILENT = "no words"
SEVERAL_ZIP = "Download the texts (zip)"
ZIP = "texts.zip"
FAILED = "This did not work."

MODEL = "Model"
MODEL_BOX = "Model: {name}"
MODEL_ABOUT = "Choose one, or type the name of a wav2vec 2.0 CTC model on Hugging Face, such as facebook/wav2vec2-base-960h"
MODEL_LOCAL = "The models on this machine"
MODEL_LOADING = "Loading {name}: {share} of the download"
MODEL_STOP = "Stop loading"
NO_MODEL = "This page does not offer the model {name!r}. Choose one of: {choices}."
NOT_FETCHED = (
    "{name} could not be fetched from Hugging Face: there is no such model, or no connection to huggingface.co. Check the "
    "name, or choose one of: {choices}."
)
DOWNLOADING = "Another model is being downloaded. Try again when it is there."
STOPPED = "Loading {name} was stopped. The part that was downloaded is kept for the next time."

NOTHING = "The model found no words in this sound."
SUMMARY = "{seconds:.1f} s, read in {elapsed:.2f} s"
CONFIDENCE = "average confidence {confidence}"
COPY, COPY_TIMES, COPIED = "Copy the text", "Copy with times", "The text was copied."
BY_HAND = "words changed by hand: {words}"
DOWNLOAD = "{format}"
DOWNLOADS = "Download as"
RECORDING = "recording-%Y-%m-%d-%H%M"
TIMES = "Times of the words"
TIMES_HEAD = ("word", "start (s)", "end (s)", "confidence")
NBEST = "Other texts that the model thinks likely"
NBEST_BUTTON = "Find the five likeliest texts"
NBEST_HEAD = ("text", "share")
NBEST_ABOUT = (
    "Struck through: words of the first text that the other one lacks or replaces. The share says how likely a text is among "
    "these; together they make 100 % (probabilities of a beam search with 32 prefixes)."
)

REFERENCE = "Check against the true text"
REFERENCE_ABOUT = "Capitals and punctuation do not matter; numbers are spelled out."
REFERENCE_EXAMPLE = "Write what was really said"
SCORE = "Count the errors"
SCORE_FIRST = "Transcribe something first."
NO_ERRORS = "All {words} words are right."
SCORED = (
    "<strong>{wer} of the words are wrong</strong> (WER) and {cer} of the letters (CER): {substitutions} replaced, "
    "{deletions} left out, {insertions} added, of {words} words"
)
MARKS = "<s>left out</s> <ins>added</ins> <s>said</s><b>written instead</b>"

LIVE_ABOUT = (
    "Press Record and speak: the words appear while you speak. Strong words are final, pale ones may still change. The sound "
    "is not kept."
)
LIVE_WORDS = "The words so far"
LIVE_HINT = "Your words appear here."
LIVE_FACTS = "{seconds:.1f} s of sound{lost}"
LIVE_DROPPED = ". {seconds:.1f} s of it were lost, because the connection or the machine was too slow"
LIVE_OVER = "A live session can last {seconds:g} s, and that time is over. Press Stop, copy the text, and record again."
LIVE_BAD = "The browser sent something that is not sound. Reload the page and record again."
LIVE_CLEAR, LIVE_CLEAR_ASK = "Clear", "The text will be gone. Clear it?"
LIVE_VIEW = {
    "idle": "Record",
    "opening": "Opening the microphone",
    "recording": "Stop",
    "stopping": "Transcribing the last words",
    "refused": "The browser gives no sound. Allow it to use the microphone, and try again.",
    "lost": "The server does not answer. The text so far stays below.",
    "replace": "A new recording replaces the text of the last one. Record anew?",
    "good": "Level: good",
    "quiet": "Too quiet: come closer to the microphone.",
    "clipped": "Clipped: too loud. Move away from the microphone.",
    "insecure": "The browser does not allow a microphone at this address. Open the page by https, or at localhost.",
}

ALIGN_ABOUT = "Give a recording and the text that was said: you see when each word was said (forced alignment)."
ALIGN_TEXT = "The text that was said"
ALIGN = "Find the times"
ALIGN_WAITING = "Choose a sound and write what is said in it. The times of the words appear here."
ALIGNED = "{seconds:.1f} s of sound, {words} words placed in {elapsed:.2f} s"
FITS = {"sure": "fits well", "likely": "fits", "doubtful": "fits poorly"}
ALIGN_FIT = "the text {fit} ({confidence})"
ALIGN_POOR = "words that fit poorly: {words}"
ALIGN_TIMES_HEAD = ("word", "start (s)", "end (s)", "fit")
POOR_FIT = "This text hardly fits the sound ({confidence}). Is it the right text?"
UNMAPPED = "The model does not know these characters and skipped them: {characters}"
STOPPED_ALIGN = f"This was stopped. Press '{ALIGN}' to begin again."
ALIGN_RESTORED = "This is the last result, which this browser kept. Choose its sound again to change the text."
ALIGN_VIEW = FITS | {
    "legend": "How well each word fits the sound:",
    "shades": FITS,
    "doubt": "Next poor fit",
    "strip": "The whole sound. Drag to move the part that is shown. Marks at the bottom are words that fit poorly.",
}

COMPARE_ABOUT = "Read one recording in two ways and see what changes."
COMPARE_WAITING = "Choose a sound. Both texts and what differs appear here."
COMPARE = "Compare"
STOPPED_COMPARE = f"This was stopped. Press '{COMPARE}' to begin again."
COMPARE_RESTORED = "This is the last result, which this browser kept. Choose its sound again to compare anew."
COMPARE_SHARE = "set-up {letter}, {share}"
SETUP = "Set-up {letter}"
SOUND, DECODER, SNR, SPEED = "Sound", "Spelling", "Signal to noise (dB; lower = more noise)", "Speed (1 = as it is)"
SOUNDS = {"as it is": "clean", "with noise": "noise", "through a telephone (8 kHz)": "telephone"}
DECODERS = {
    "exactly as heard (greedy)": "greedy",
    "the likeliest text (beam search)": "beam",
    "with words to expect": "hotwords",
    "with the model's language model": "checkpoint",
    "with the English language model": "bundled",
    "with a language model of your text": "language model",
}
SPELLING = "Spelling"
SPELLING_ABOUT = (
    "Corrected: where letters are in doubt, the likelier word is taken (beam search with a language model). Exactly as heard: "
    "the likeliest letter at each moment (greedy decoding)."
)
TRANSCRIBE_DECODERS = {
    "Corrected to likely words": "checkpoint",
    "Corrected to English words": "bundled",
    "Exactly as heard, letter by letter": "greedy",
}
HOTWORDS = "Words to expect, separated by commas"
HOTWORDS_EXAMPLE = "such as: RIVER, CHILDREN"
LM_TEXT = "Your text, for the language model"
LM_TEXT_ABOUT = "The text to learn from, one sentence per line. At first these are the sentences of the examples."
COMPARED_SPEED = ", {speed:g} times as fast"
COMPARED = "Set-up {letter}: {sound}, {model}, {decoder} · {elapsed:.2f} s"
DIFFERENCES = "From A to B: {changed} of {words} words change"
SAME = "Both set-ups give the same text."
NO_WORDS = "Set-up {letter} gives no words."
COMPARE_MARKS = "<s>only in A</s> <ins>only in B</ins> <s>A</s><b>B</b>"
WORK_ENDED = (
    "The machine ended this work twice; it may be short of memory. Try again, or choose 'exactly as heard' (greedy decoding)."
)
WORK_TOO_LONG = "This takes longer than {seconds:.0f} s and was stopped. Give a shorter sound, or use the command line."
WORK_FAILED = "This failed unexpectedly ({error}) Try again, or use the command line."
NOT_DECODED = "The file could not be decoded. {error} It may be damaged: export it again as WAV, FLAC or MP3."
TOO_MANY_HOTWORDS = (
    "There are {count} words to expect (hot words), or one of them is too long. The page takes {phrases} of at most {words} "
    "words and {characters} characters each. Leave some out, or use the command line."
)
UNEXPECTED = "This failed unexpectedly ({kind}). Try again with another file, or report it with that file."
WRONG_TYPE = "The argument {name} must be {wanted}, not {given}. The link 'Use via API' shows an example."
UNKNOWN_CALL = "There is no call of this name. The link 'Use via API' lists them."
TOO_FEW_ARGUMENTS = "{given} arguments are given, {needed} are needed: {names}."
TOO_LARGE = "The request is too large. The page takes files of up to {mb:g} MB."
TOO_MANY_UPLOADS = "So much was uploaded from your address that you have to wait: uploads are deleted after an hour."
SERVER_FULL = "The server has no room for further uploads now. Uploads are deleted after an hour: try again later."
WAIT = "Too many wrong passwords. Wait {seconds:.0f} s and try again."
NO_LONGER_KEPT = "There is no result, or it is too long or no longer kept. Transcribe a recording, or a shorter part of it."
NO_EMISSIONS = (
    "The sound of this result is no longer kept, so its text cannot be placed anew. Choose the sound again, then edit."
)
RESTORED = "This is the last result, which this browser kept. Choose its sound again to edit it."
NOT_RESTORED = "The last result that this browser kept could not be read. Choose a sound."
NO_HOTWORDS = "There are no words to expect (hot words). Write some, separated by commas, or choose another decoder."
NO_LANGUAGE_MODEL = "{name} comes without a language model of its own. Choose another decoder, such as bundled or beam."
WRONG_CHOICE = "There is no {kind} {value!r}. Choose one of: {choices}."
TOO_MUCH_TEXT = "The text has {length:,} characters, the page takes {limit:,}. Shorten it, or use the command line."

RUNNING = "The model that runs now: {name}"
RUNNING_FACTS = (
    "It runs on {device} in {dtype}. It takes sound at {rate:g} kHz and gives, for every {frame:.0f} ms (a frame), the "
    "probability of each of {labels} labels: the letters, a word boundary, and a blank for pauses and repeated letters."
)
ABOUT = """
## The large model

[facebook/wav2vec2-large-960h-lv60-self](https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self) first learned the sounds
of speech from 53,000 hours of recordings without text (Libri-Light), then to spell from 960 hours with text (LibriSpeech), with
self-training. Apache-2.0. wav2vec 2.0: Alexei Baevski, Henry Zhou, Abdelrahman Mohamed, Michael Auli (2020),
[arXiv:2006.11477](https://arxiv.org/abs/2006.11477); self-training: [arXiv:2010.11430](https://arxiv.org/abs/2010.11430).

**From its model card**: word error rate (WER) **{clean}&nbsp;%** on LibriSpeech test-clean, **{other}&nbsp;%** on test-other.
"""
MEASURED_HEAD = ("speech", "WER", "CER")
MEASURED_ABOUT = (
    "From the model's own card. Most cards give the results of greedy decoding; with a language model there are usually fewer "
    "errors. A WER above 100 % is possible, because added words count too."
)
NOT_MEASURED = "The card of this model gives no results. Measure it: w2vkit evaluate DATA --model {name}"
PAPER = "How little text is needed"
PAPER_ABOUT = (
    "WER on LibriSpeech by hours of transcribed speech for fine-tuning, from the paper (large model, pre-trained on 53,000 "
    "hours without text, with a language model; Tables 1 and 2). For 10 h, Papers with Code lists 2.5 % and 5.0 %."
)
CLEAN, OTHER = "test-clean", "test-other"
MORE = """
## Look further

The notebooks in `notebooks/` explain the model step by step. On the command line: `w2vkit --help`.
For programs: the link "Use via API" below lists `/transcribe`, `/align`, `/compare` and `/models`.
"""

API = {
    "transcribe": "Transcribes a sound file: text, and words with times and confidence.",
    "align": "Aligns a sound file with its text: times of every word, line and character.",
    "compare": "Transcribes a sound file with two set-ups: both results, and their words side by side.",
    "models": "Lists the models that can be named on this machine, and which are loaded.",
}
API_ARGUMENT = "Argument {name}: {error}"
API_NO_AUDIO = "The argument audio is missing. Give a sound file; in Python: handle_file(path)."
API_NOT_TAKEN = (
    "Argument {names}: this file was not uploaded to the page, and could not be fetched from an address. In Python, "
    "handle_file(path) uploads a file; the link 'Use via API' shows how."
)
API_MODEL = "a model of this machine, see /models; empty: the one that the page was started with"
API_DECODER = (
    "greedy, beam, hotwords, checkpoint (with the language model that comes with the model), bundled (with w2v-mini's English "
    "language model), or language model (built from lm_text); empty: checkpoint if the model comes with one, or else greedy"
)
API_SOUND = "clean, noise or telephone"
API_SPEED = "how many times as fast the sound is played, 0.25 to 4"

# The linked view; its script fills in {names}.
VIEW = {
    "name": "Waveform, words and probabilities",
    "legend": "How sure the model says it is:",
    "sure": "sure (80 % and more)",
    "likely": "likely (50 % and more)",
    "doubtful": "doubtful",
    "shades": {"sure": "sure", "likely": "likely", "doubtful": "doubtful"},
    "words": "The words; press one to play it",
    "words_edit": "The words; press one to play it, press it twice or F2 to correct it",
    "correct": "Correct this word",
    "changed": "by hand",
    "go": "Go to {time}",
    "rewrite": "Edit the text",
    "keep": "Find its times",
    "cancel": "Cancel",
    "undo": "Undo",
    "sentence": "Sentence case",
    "word": "{text}, {confidence} %, {shade}",
    "times": "{start} to {end} s",
    "nothing": NOTHING,
    "play": "Play",
    "pause": "Pause",
    "loop": "Repeat the selection, or the word at the cursor",
    "speed": "Playing speed",
    "closer": "Zoom in",
    "wider": "Zoom out",
    "all": "All",
    "whole": "All of the sound",
    "back": "Earlier",
    "on": "Later",
    "doubt": "Next doubtful word",
    "strip": "The whole sound. Drag to move the part that is shown. Marks at the bottom are doubtful words.",
    "spectrum": "Spectrogram",
    "letters": "Show all letters",
    "pauses": "Show pauses",
    "pauses_about": "Show pauses: the row of the blank",
    "png": "Save the picture as PNG",
    "svg": "Save the picture as SVG",
    "picture": "view",
    "scale": "Probability",
    "place": "{start} to {stop} of {seconds} s",
    "selected": "Selected: {start} to {stop} s ({span} s)",
    "stage": "Waveform, words and probability of every character over time. Press ? for the keys.",
    "frame": "Frame {frame}: {start} to {end} s",
    "path": "The likeliest letter of each frame; repeats are merged, blanks (·, no letter) dropped:",
    "becomes": "becomes",
    "empty": "nothing",
    "hint": (
        "Click a word to hear it. Drag over the wave to select a part, over the letters to move. To zoom, use Ctrl and the "
        "wheel, two fingers, or the buttons. Point at a letter to see its probability. Press ? for the keys."
    ),
    "silent": "The sound could not be played.",
    "help": "Keys of the view",
    "close": "Close",
    "keys": [
        ["Space", "play or pause"],
        ["Enter", "play the word at the cursor"],
        ["F2", "correct a word of the text (or click it twice)"],
        ["← →", "one frame (20 ms); with Shift ten"],
        ["Home End", "start and end"],
        ["Page Up, Page Down", "earlier and later"],
        ["+ -", "zoom in and out"],
        ["0", "all of the sound"],
        ["D", "next doubtful word; with Shift the one before"],
        ["L", "repeat the selection or the word"],
        ["[ ]", "start and end of the selection"],
        ["< >", "slower and faster"],
        ["Esc", "clear the selection, or leave the view"],
    ],
}
