"""What the page allows. This file imports nothing, so that the command line can show the limits without loading the page."""

MAX_SECONDS = 600.0  # s; the longest sound of a request. w2vkit demo --max-seconds changes it
MAX_MB = 50.0  # MiB; the largest file. w2vkit demo --max-mb changes it
MAX_CHARACTERS = 20_000  # of a text; ten minutes of fast speech have about half as many
KEEP_SECONDS = 3600  # s; how long uploads and results are kept
MAX_HOTWORDS, MAX_HOTWORD_WORDS, MAX_HOTWORD_CHARACTERS = 200, 10, 100  # phrases; words and characters of each
MAX_DOWNLOAD_BYTES = 8 * 2**30  # of a model that a visitor names; the largest wav2vec 2.0 has 2 billion parameters
