"""Error rates of a model on a data set: scoring, confidence intervals, calibration, and reports.

`evaluate` transcribes and scores; `report` and `html` show an `Evaluation`.
"""

from w2vkit.evaluate.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
