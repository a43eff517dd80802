from __future__ import annotations

import pytest

from tocoad.errors import SettingsError, StageError
from tocoad.text.redaction import redacted

SECRET = "hunter2-Zq"


@pytest.mark.parametrize(
    "url",
    [
        f"http://ops:{SECRET}@mlflow.example:5000/api/2.0/mlflow/runs/get?run_id=1",
        f"https://ops:{SECRET}%40x@host",
        f"https://ops:one@two-{SECRET}@host/api",
        f"postgresql+psycopg2://ops:{SECRET}@db:5432/mlflow",
        f"s3://AKIA123:{SECRET}@bucket/key",
        f"socks5h://ops:{SECRET}@proxy:1080",
        f"ray://{SECRET}@head:10001",
    ],
)
def test_user_and_password_of_any_address_are_hidden_and_its_host_is_told(url: str) -> None:
    host = url.rpartition("@")[2]
    shown = redacted(f"MLflow at {url}: no answer, see models:/parts.bottle@champion")
    assert SECRET not in shown and "ops" not in shown
    assert shown.endswith(f"://***@{host}: no answer, see models:/parts.bottle@champion")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_TRACKING_PASSWORD", SECRET),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("PREFECT_API_AUTH_STRING", f"ops:{SECRET}"),
        ("https_proxy", f"http://ops:{SECRET}/x@proxy:3128"),
    ],
)
def test_what_the_environment_calls_a_secret_is_hidden_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert SECRET not in redacted(f"login {value} failed ({value!r})")


def test_text_without_a_secret_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "test")
    for text in ("data/parts/test/good/1.png: too small", "sqlite:////tmp/a@b/mlflow.db", "x://host/a", "a@b.example"):
        assert redacted(text) == text


@pytest.mark.parametrize("kind", [StageError, SettingsError])
def test_an_error_of_ours_holds_no_password(kind: type[Exception]) -> None:
    assert str(kind(f"no Ray answers at ray://ops:{SECRET}@head")) == "no Ray answers at ray://***@head"
