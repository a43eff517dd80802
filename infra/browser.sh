#!/usr/bin/env bash
# A browser for the test of the report's pages, from Debian's packages: only where that needs no question to anyone.
# The test skips, and says so, where there is none.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    exit 0
fi
echo "browser: installing chromium and chromium-driver" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium chromium-driver >&2 ||
    echo "browser: the installation failed; the test of the pages will be skipped" >&2
