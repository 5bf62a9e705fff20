"""From answers on the anchors to predicted full-benchmark scores with intervals."""

from tinyeval.calibration.reading import Interval as Interval
from tinyeval.calibration.reading import Reading as Reading
from tinyeval.prediction.predictor import Predictor as Predictor
from tinyeval.prediction.result import Prediction as Prediction
