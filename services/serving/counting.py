"""What `/metrics` tells, in Prometheus's words. The registry is our own: other libraries of the process add nothing."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.serving.served import Served
from services.serving.state import State

CONTENT_TYPE = CONTENT_TYPE_LATEST
NOBODY = "unknown"
"""The category of a request that names none that is served: a caller's text is no label."""
_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 30.0)


class Counters:
    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self.requests = Counter(
            "tocoad_requests", "Requests for a prediction, by the status of the answer.", ["category", "status"],
            registry=own,
        )  # fmt: skip
        self.predictions = Counter(
            "tocoad_predictions", "Images that were scored, by pred_label.", ["category", "pred_label"], registry=own
        )
        self.seconds = Histogram(
            "tocoad_request_seconds", "From the request's head to the answer, of images that were scored.",
            ["category"], buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.scoring = Histogram(
            "tocoad_scoring_seconds", "Of these the seconds of decoding, scoring and drawing.",
            ["category"], buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.accepted = Gauge("tocoad_accepted", "Requests that were accepted and are not answered yet.", registry=own)
        self.places = Gauge("tocoad_places", "At how many of them further ones are refused (503).", registry=own)
        self._registry_answers = Gauge(
            "tocoad_registry_answers", "0: the last look for new champions failed, and what was served stays.",
            registry=own,
        )  # fmt: skip
        self._not_taken = Gauge(
            "tocoad_champion_not_taken", "1: a newer champion is not served; /health says why.", ["category"],
            registry=own,
        )  # fmt: skip
        self._served = Gauge(
            "tocoad_model_since_seconds", "When the detector that is served now took its place, in Unix time.",
            ["category", "version", "package_sha256"], registry=own,
        )  # fmt: skip

    def text(self, served: Mapping[str, Served], state: State) -> bytes:
        self._registry_answers.set(state.registry_error is None)
        self._served.clear()
        for name, one in served.items():
            self._not_taken.labels(name).set(name in state.not_taken)
            version = "" if one.version is None else str(one.version)
            self._served.labels(name, version, one.package_sha256).set(one.since.timestamp())
        found: bytes = generate_latest(self._registry)
        return found
