"""The registered model: MLflow executes this file and calls `predict` (a "model from code", nothing is pickled)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray


class DetectorModel(PythonModel):
    """A detector package behind MLflow's interface; the scoring is the package's own."""

    def load_context(self, context: PythonModelContext) -> None:
        from tocoad.data.threads import cores
        from tocoad.package.detector import load_detector

        self._threads = cores()
        self._detector = load_detector(Path(context.artifacts["detector"]))

    def predict(
        self, context: PythonModelContext, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Images (B, H, W, 3) uint8 RGB of any size -> pred_score (B,), pred_label (B,), anomaly_map (B, H, W).

        Versions that were registered before hold an earlier copy of this file, which calls `predict`.
        """
        prediction = self._detector.predict_on(self._threads, model_input)
        return {
            "pred_score": prediction.pred_score,
            "pred_label": prediction.pred_label,
            "anomaly_map": prediction.anomaly_map,
        }


mlflow.models.set_model(DetectorModel())
