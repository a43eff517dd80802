"""What our processes must find in the environment on any machine: set here, for us and for the processes we start.

Call it before a service is imported. What the user has set stays, unless nothing could work with it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from tocoad.errors import SettingsError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = tuple(name for scheme in ("http", "https", "all") for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()))
# What `getpass.getuser` looks at before it asks for the passwd entry.
_USER = ("LOGNAME", "USER", "LNAME", "USERNAME")
_SERVERS = ("MLFLOW_TRACKING_URI", "PREFECT_API_URL")


def prepare_environment(folder: Path) -> None:
    """`folder` is ours: what libraries keep in the user's home goes there where there is no such home.

    Raises:
        SettingsError: a server that the user has named can be reached in no way that the libraries know.
    """
    _keep_loopback_off_proxies()
    _set_unusable_proxies_aside()
    _name_the_user(folder)
    # `python -m` and `python -c` look into the current folder first: what lies in a user's folder is not our code.
    os.environ["PYTHONSAFEPATH"] = "1"


def _keep_loopback_off_proxies() -> None:
    """Our own services answer here, whatever way leads out. On both names: one without the other hides it."""
    if not any(os.environ.get(name) for name in _PROXIES):
        return
    direct = [
        host for name in ("no_proxy", "NO_PROXY") for host in os.environ.get(name, "").replace(" ", "").split(",")
    ]
    if "*" not in direct:
        hosts = ",".join(dict.fromkeys([*filter(None, direct), *_LOOPBACK]))
        os.environ |= {"no_proxy": hosts, "NO_PROXY": hosts}


def _set_unusable_proxies_aside() -> None:
    """httpx refuses to be made where a proxy is set that it cannot use, even if it would never go through it: SOCKS
    without the package `socksio`, and kinds that it does not know.
    """
    names = [name for name in _PROXIES if not _is_usable(os.environ.get(name, ""))]
    if not names:
        return
    why = "Python's clients cannot use this kind of proxy (socks5 they can with: pip install 'httpx[socks]' pysocks)"
    for server in _SERVERS:
        if not _is_usable(_proxy_of(os.environ.get(server, ""))):
            raise SettingsError(f"{names[0]}: {why}, and {server} is behind it; or name its host in NO_PROXY")
    for name in names:
        del os.environ[name]
    print(f"warning: {names[0]} is left aside: {why}", file=sys.stderr)


def _is_usable(proxy: str) -> bool:
    scheme = proxy.partition("://")[0].lower() if "://" in proxy else "http"
    return scheme in ("http", "https") or (scheme in ("socks5", "socks5h") and find_spec("socksio") is not None)


def _proxy_of(address: str) -> str:
    """The proxy between us and the server; empty where there is none."""
    server = urlsplit(address)
    if not server.scheme.startswith("http") or proxy_bypass(server.netloc.rpartition("@")[2]):
        return ""
    proxies = getproxies_environment()
    return proxies.get(server.scheme, proxies.get("all", ""))


def _name_the_user(folder: Path) -> None:
    """In a container a uid may have no passwd entry, and a home that is the root of the file system, or none."""
    try:
        pwd.getpwuid(os.getuid())
        known = True
    except KeyError:
        known = False
    if not known and not any(os.environ.get(name) for name in _USER):
        os.environ |= dict.fromkeys(("LOGNAME", "USER"), f"uid{os.getuid()}")
    if not known and not os.environ.get("HOME"):
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["HOME"] = str(folder)
    elif not os.access(Path.home(), os.W_OK):
        # The home stays: git's, AWS's and other settings may be read there.
        caches = folder / "cache"
        caches.mkdir(parents=True, exist_ok=True)
        for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
            os.environ.setdefault(name, str(caches))
        if "RAY_AUTH_TOKEN_PATH" not in os.environ and not (Path.home() / ".ray" / "auth_token").is_file():
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
