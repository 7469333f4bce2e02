"""Error rates of a model on a data set: scoring, confidence intervals, calibration, and reports.

`evaluate` transcribes and scores; `report` and `html` write an `Evaluation` as text, JSON, YAML and HTML.
`compare` tests whether one system is better than another; `hypotheses` reads the texts of any system.
"""

from w2vkit.evaluate.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
