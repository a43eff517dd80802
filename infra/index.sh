# To be sourced, in the project's folder: uv does not read pip's configuration, so it is handed whatever mirrors and
# wheel folders this machine has for pip.
setting() { .venv/bin/python -m pip config get "$1" 2>/dev/null || true; }
index=${PIP_INDEX_URL:-$(setting global.index-url)}
extra=${PIP_EXTRA_INDEX_URL:-$(setting global.extra-index-url)}
links=${PIP_FIND_LINKS:-$(setting global.find-links)}
certificates=${PIP_CERT:-$(setting global.cert)}
[ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
[ -z "$extra" ] || export UV_EXTRA_INDEX_URL=${UV_EXTRA_INDEX_URL:-$(echo $extra)}
[ -z "$links" ] || export UV_FIND_LINKS=${UV_FIND_LINKS:-$(echo $links | tr ' ' ',')}
[ -z "$certificates" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$certificates}
# Whichever index serves a version first, it is the same one.
export UV_INDEX_STRATEGY=unsafe-best-match
