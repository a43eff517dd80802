"""What a request is answered, over real connections to a server on loopback."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from services.serving.limits import Limits
from services.serving.server import Server
from tests.helpers.packages import as_category, save_detector
from tests.helpers.processes import wait_until
from tests.helpers.serving import Caller, serving
from tocoad.package.detector import Detector, load_detector
from tocoad.pictures.heatmap import png
from tocoad.predict.overlay import prediction_overlay

pytestmark = pytest.mark.integration

PLATE = "/v1/predict/set.plate"
LARGEST = 2**20


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of three categories, two of which have the same name."""
    root = tmp_path_factory.mktemp("packages")
    named = {name: name.split(".") for name in ("set.plate", "set.gear", "other.gear")}
    return {
        name: as_category(save_detector(root / name, seed), *parts)
        for seed, (name, parts) in enumerate(named.items(), start=1)
    }


@pytest.fixture(scope="module")
def server(packages: dict[str, Path]) -> Iterator[Server]:
    with serving([*packages.values()], Limits(threads=2, image_bytes=LARGEST)) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def plate(packages: dict[str, Path]) -> Detector:
    return load_detector(packages["set.plate"])


def pixels(seed: int, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def file_of(image: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def test_an_image_gets_the_detectors_own_score_as_a_body_and_in_a_form(
    client: httpx.Client, plate: Detector, packages: dict[str, Path]
) -> None:
    image = pixels(1, 40, 70)
    expected = plate.predict(image[None])
    as_body = client.post(PLATE, content=file_of(image)).json()
    as_form = client.post(PLATE, files={"file": ("part 1.png", file_of(image))}, data={"remark": "x"}).json()
    assert as_body == as_form
    assert np.float32(as_body["pred_score"]) == expected.pred_score[0]
    assert as_body["pred_label"] is bool(expected.pred_label[0])
    assert as_body["threshold"] == plate.card.image_threshold.value
    assert as_body["category"] == as_body["model"]["name"] == "set.plate"
    assert as_body["model"]["version"] is None and as_body["anomaly_map"] is None


def test_the_raw_map_comes_as_grey_and_the_overlay_as_predict_draws_it(client: httpx.Client, plate: Detector) -> None:
    image = pixels(2, 48, 40)
    expected = plate.predict(image[None])
    grey = client.post(PLATE, content=file_of(image), params={"map": "grey"}).json()["anomaly_map"]
    levels = cv2.imdecode(np.frombuffer(base64.b64decode(grey["png"]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert levels.dtype == np.uint16 and levels.shape == (48, 40)
    values = grey["low"] + levels / 65535 * (grey["high"] - grey["low"])
    assert np.abs(values - expected.anomaly_map[0]).max() < (grey["high"] - grey["low"]) / 65535
    overlay = client.post(PLATE, content=file_of(image), params={"map": "overlay"}).json()["anomaly_map"]
    assert base64.b64decode(overlay["png"]) == png(prediction_overlay(image, expected, plate.card))
    assert [overlay["low"], overlay["high"]] == [*plate.card.calibration.scale]


def test_a_score_does_not_depend_on_what_else_is_asked_at_the_same_time(client: httpx.Client, plate: Detector) -> None:
    images = [pixels(seed, 30 + seed, 40) for seed in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda image: client.post(PLATE, content=file_of(image)).json(), images))
    assert [np.float32(answer["pred_score"]) for answer in answers] == [
        plate.predict(image[None]).pred_score[0] for image in images
    ]


@pytest.mark.parametrize(
    ("status", "reason", "request_of"),
    [
        (400, "no image", {"content": b""}),
        (422, "the image: not a readable png, jpg, bmp or tif image", {"content": b"GIF89a" + bytes(50)}),
        (422, "the image: unreadable or truncated image", {"content": file_of(pixels(3))[:900]}),
        (400, "holds no file", {"data": {"file": "text"}, "files": {}, "form": True}),
        (400, "Too many files", {"files": [("a", ("a.png", b"x")), ("b", ("b.png", b"y"))]}),
        (400, "boundary", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
        (413, "more than 1 MB", {"content": bytes(LARGEST + 1)}),
        (413, "more than 1 MB", {"content": iter([bytes(LARGEST)] * 3)}),
        (413, "more than 1 MB", {"files": {"file": ("large.png", bytes(LARGEST + 1))}}),
        (404, "no category screw is served; there are set.plate, set.gear, other.gear", {"path": "/v1/predict/screw"}),
        (404, "say which of set.gear, other.gear", {"path": "/v1/predict/gear", "content": b"x"}),
        (422, "map: ", {"path": f"{PLATE}?map=blue", "content": b"x"}),
        (404, "Not Found", {"path": "/v2/predict"}),
        (405, "Method Not Allowed", {"path": "/health"}),
    ],
)
def test_what_a_caller_can_mend_is_told_in_one_line(
    client: httpx.Client, status: int, reason: str, request_of: dict[str, Any]
) -> None:
    wanted = dict(request_of)
    if wanted.pop("form", False):
        wanted = {"content": b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--b--\r\n'}
        wanted["headers"] = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(wanted.pop("path", PLATE), **wanted)
    assert response.status_code == status
    told = response.json()
    assert set(told) == {"error"} and reason in told["error"] and "\n" not in told["error"]
    assert client.get("/health").status_code == 200, "the connection is good for the next request"


def test_the_description_for_machines_has_what_is_answered_and_how_it_is_refused(client: httpx.Client) -> None:
    answers = client.get("/openapi.json").json()["paths"]["/v1/predict/{category}"]["post"]["responses"]
    named = {status: one["content"]["application/json"]["schema"]["$ref"] for status, one in answers.items()}
    assert {status: name.rpartition("/")[2] for status, name in named.items()} == {
        "200": "Answer",
        "4XX": "Refusal",
        "5XX": "Refusal",
    }


def test_a_category_alone_is_enough_where_no_other_data_set_has_it(client: httpx.Client) -> None:
    assert client.post("/v1/predict/plate", content=file_of(pixels(4))).json()["category"] == "set.plate"


def test_a_file_of_many_bits_is_read_as_its_category_reads_it(client: httpx.Client, plate: Detector) -> None:
    image = pixels(5)
    deep = bytes(cv2.imencode(".png", image[..., ::-1].astype(np.uint16) * 257)[1])
    answer = client.post(PLATE, content=deep).json()
    assert np.float32(answer["pred_score"]) == plate.predict(image[None]).pred_score[0]


def test_health_and_metrics_tell_what_is_served_and_what_was_asked(
    client: httpx.Client, packages: dict[str, Path], plate: Detector
) -> None:
    client.post(PLATE, content=file_of(pixels(6)))
    client.post("/v1/predict/screw", content=b"x")
    health = client.get("/health").json()
    assert health["status"] == "ok" and health["loading"] == [] and health["registry"] is None
    assert set(health["categories"]) == set(packages)
    assert health["categories"]["set.plate"]["threshold"] == plate.card.image_threshold.value
    lines = client.get("/metrics").text.splitlines()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert values['tocoad_requests_total{category="set.plate",status="200"}'] >= 1
    assert values['tocoad_requests_total{category="unknown",status="404"}'] >= 1
    assert values['tocoad_request_seconds_count{category="set.plate"}'] >= 1
    assert values["tocoad_registry_answers"] == 1, "no registry is asked, and none has failed"
    assert values["tocoad_accepted"] == 0 and values["tocoad_places"] == 66
    assert not any(name.startswith(("python_", "process_")) for name in values)


def test_who_comes_when_all_places_are_taken_is_told_to_come_again(packages: dict[str, Path], plate: Detector) -> None:
    file = file_of(pixels(7))
    with serving([packages["set.plate"]], Limits(threads=1, waiting=2)) as server:
        callers = [Caller(server.address, PLATE, len(file)) for _ in range(3)]
        _accepted(server, 3)
        refused = httpx.post(f"{server.address}{PLATE[1:]}", content=file)
        assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
        for caller in callers:
            caller.send(file)
        assert [caller.answer()[0] for caller in callers] == [200] * 3
        assert httpx.post(f"{server.address}{PLATE[1:]}", content=file).status_code == 200


def test_an_image_that_does_not_come_in_time_gives_its_place_back(packages: dict[str, Path]) -> None:
    with serving([packages["set.plate"]], Limits(threads=1, waiting=1, seconds=0.3)) as server:
        status, told = Caller(server.address, PLATE, 1000).answer()
        assert (status, told) == (408, {"error": "the image did not come within 0.3 s"})
        _accepted(server, 0)


def test_who_was_accepted_is_answered_after_the_server_was_told_to_stop(
    packages: dict[str, Path], plate: Detector
) -> None:
    images = [pixels(seed) for seed in range(6)]
    with serving([packages["set.plate"]], Limits(threads=1)) as server:
        callers = [Caller(server.address, PLATE, len(file_of(image))) for image in images]
        _accepted(server, 6)
        with httpx.Client(base_url=server.address, timeout=60) as kept:
            assert "connection" not in kept.get("/health").headers
            server.stop()
            with pytest.raises(httpx.TransportError):
                while True:
                    assert kept.get("/health").headers["connection"] == "close", "nobody stays on a connection"
        for caller, image in zip(callers, images, strict=True):
            caller.send(file_of(image))
        answers = [caller.answer() for caller in callers]
    assert [status for status, _ in answers] == [200] * 6, answers
    assert [np.float32(told["pred_score"]) for _, told in answers] == [
        plate.predict(image[None]).pred_score[0] for image in images
    ]


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason(tmp_path: Path) -> None:
    server = Server([str(tmp_path)], None, Limits(threads=1), 60, lambda _: None)
    faults: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert [str(fault) for fault in faults] == [f"{tmp_path} is not a detector package: detector.json is missing"]


def _accepted(server: Server, count: int) -> None:
    with httpx.Client(base_url=server.address, timeout=60) as client:
        wait_until("accepted", lambda: client.get("/health").json()["accepted"] == count, 20, pause=0.02)
