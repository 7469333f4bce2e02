"""From sound to text in one call, live, or for a whole data set; the data sets, and the results that are kept.

`transcription` is one sound, `live` is sound that is still coming, `bulk` and `cluster` are many.
"""
