"""The registered model: MLflow executes this file and calls `predict` (a "model from code", nothing is pickled)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray

MAPS = "anomaly_map"
"""The name of the maps in the answer, and of the parameter that leaves them out."""

_WANTED = "images (B, H, W, 3) of one size are wanted, or image files in base64"


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
        """-> pred_score (B,), pred_label (B,), and, unless the parameter `anomaly_map` is false, anomaly_map (B, H, W).

        Of B images (H, W, 3), uint8 RGB and all of one size, which the maps have too; or of the bytes of B image files
        of any sizes, as such or in base64 (B,), whose maps have the size of the networks.

        Versions that were registered before hold an earlier copy of this file, which calls `predict`.
        """
        prediction = self._detector.predict_on(self._threads, self._images(np.atleast_1d(model_input)))
        answer: dict[str, NDArray[Any]] = {"pred_score": prediction.pred_score, "pred_label": prediction.pred_label}
        if (params or {}).get(MAPS, True):
            answer[MAPS] = prediction.anomaly_map
        return answer

    def _images(self, given: NDArray[Any]) -> NDArray[np.uint8]:
        if given.ndim == 1 and given.size:
            return np.stack([self._file(item, f"image {number}") for number, item in enumerate(given, start=1)])
        # Out of JSON come numbers of whatever kind.
        try:
            values = given if given.dtype == np.uint8 else given.astype(np.float64)
        except (TypeError, ValueError):
            raise _refused(_WANTED) from None
        if values.ndim != 4 or values.shape[-1] != 3:
            raise _refused(_WANTED)
        if values.size and not (values.min() >= 0 and values.max() <= 255 and (values == np.trunc(values)).all()):
            raise _refused("the values of pixels are whole numbers from 0 to 255")
        return values.astype(np.uint8, copy=False)

    def _file(self, given: Any, name: str) -> NDArray[np.uint8]:
        """(S, S, 3) of the networks' size."""
        from tocoad.data.images import image_from_bytes, resize_image
        from tocoad.data.problems import DataError

        try:
            # MLflow's own base64 has lines.
            content = given if isinstance(given, bytes) else base64.b64decode("".join(given.split()), validate=True)
            pixels = image_from_bytes(content, self._detector.card.depth, name)
        except (AttributeError, ValueError):
            raise _refused(f"{name}: neither bytes nor base64") from None
        except DataError as error:
            raise _refused(str(error)) from None
        return resize_image(pixels, self._detector.image_size)


def _refused(reason: str) -> MlflowException:
    """MLflow's server answers 400 to it."""
    return MlflowException(reason, INVALID_PARAMETER_VALUE)


mlflow.models.set_model(DetectorModel())
