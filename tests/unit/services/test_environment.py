"""What is set for our processes where a machine has proxies, or a user whom nobody knows."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import pytest
from skip_report import reason

from services.environment import prepare_environment
from tocoad.errors import SettingsError

without_socksio = pytest.mark.skipif(
    find_spec("socksio") is not None,
    reason=reason("the package socksio is installed: httpx can use a SOCKS proxy", ".venv/bin/pip uninstall socksio"),
)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without proxies, whose settings are back after the test."""
    kept = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        kept.pop(name, None)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.clear()
    os.environ.update(kept)
    return monkeypatch


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"])
def test_loopback_is_asked_directly_and_all_else_as_the_user_said(
    environ: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    environ.setenv(name, "http://proxy.example:3128")
    environ.setenv("NO_PROXY", "intranet.example")
    prepare_environment(tmp_path)
    for host in ("127.0.0.1:4200", "localhost", "intranet.example"):
        assert proxy_bypass(host)
    assert not proxy_bypass("mlflow.example:5000")
    assert "http://proxy.example:3128" in getproxies().values()


def test_without_a_proxy_nothing_is_said_of_proxies(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare_environment(tmp_path)
    assert not [name for name in os.environ if "proxy" in name.lower()]


@pytest.mark.parametrize("scheme", [pytest.param("socks5", marks=without_socksio), "socks4", "socks"])
def test_a_proxy_that_httpx_cannot_use_is_set_aside_and_told(
    environ: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    import httpx

    environ.setenv("ALL_PROXY", f"{scheme}://user:secret@127.0.0.1:9")
    with pytest.raises((ImportError, ValueError)):
        httpx.Client()
    prepare_environment(tmp_path)
    httpx.Client().close()
    told = capsys.readouterr().err
    assert told.startswith("warning: ALL_PROXY is left aside") and "httpx[socks]" in told
    assert "secret" not in told and told.count("\n") == 1


@without_socksio
def test_a_server_behind_a_proxy_that_cannot_be_used_is_refused(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ.setenv("all_proxy", "socks5h://127.0.0.1:9")
    environ.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI is behind it; or name its host in NO_PROXY"):
        prepare_environment(tmp_path)
    environ.setenv("NO_PROXY", "mlflow.example")
    prepare_environment(tmp_path)


def test_a_named_user_with_a_home_keeps_what_there_is(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ.setenv("HOME", str(tmp_path))
    environ.setenv("USER", "ops")
    before = dict(os.environ)
    prepare_environment(tmp_path / "ours")
    assert dict(os.environ) == {**before, "PYTHONSAFEPATH": "1"}
    assert not (tmp_path / "ours").exists()


NOBODY = """
import getpass, os, sys
from pathlib import Path
from services.environment import prepare_environment
os.setgroups([])
os.setgid(54321)
os.setuid(54321)
prepare_environment(Path(sys.argv[1]))
print(getpass.getuser(), Path.home(), os.environ.get("MPLCONFIGDIR"), "RAY_AUTH_TOKEN" in os.environ)
"""


@pytest.mark.skipif(os.getuid() != 0, reason=reason("only root can become a user without a passwd entry", "as root"))
@pytest.mark.parametrize("home", [None, "/"])
def test_a_user_without_a_passwd_entry_gets_a_name_and_a_place_for_caches(tmp_path: Path, home: str | None) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    os.chown(ours, 54321, 54321)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    env = {name: text for name, text in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    env |= {} if home is None else {"HOME": home}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, str(ours)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = f"uid54321 {ours} None False" if home is None else f"uid54321 / {ours / 'cache'} True"
    assert done.stdout.strip() == expected
