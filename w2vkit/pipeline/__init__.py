"""One sound, live sound or a whole data set to text; reading data sets, and storing results so that a run can be resumed.

`transcription` handles one sound, `live` sound that is still being recorded, `stream` many, `bulk` and `cluster` data sets.
"""
