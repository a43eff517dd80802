#!/usr/bin/env bash
# Checks the cluster's files, and GitHub's, by their own tools, in an environment of their own: build/validators, or
# $VALIDATORS.
# None of them knows KubeRay's kinds: of these the pod templates inside are checked, and their own fields by a test.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${VALIDATORS:-build/validators}
if [ ! -x "$tools/bin/hadolint" ]; then
    .venv/bin/python -m venv "$tools"
    "$tools/bin/pip" install --quiet --requirement infra/validators.txt
fi
templates=$(mktemp -d)
trap 'rm -r "$templates"' EXIT

"$tools/bin/hadolint" infra/docker/Dockerfile
"$tools/bin/check-jsonschema" --builtin-schema vendor.compose-spec infra/compose/compose.yaml
for schema in vendor.github-workflows custom.github-workflows-require-timeout; do
    "$tools/bin/check-jsonschema" --builtin-schema "$schema" .github/workflows/*.yml
done
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
find .github/ISSUE_TEMPLATE -name '*.yml' ! -name config.yml -print0 |
    xargs -0 "$tools/bin/check-jsonschema" --builtin-schema vendor.github-issue-forms
ray=$(.venv/bin/python -c 'from importlib.util import find_spec; print(find_spec("ray").submodule_search_locations[0])')
"$tools/bin/check-jsonschema" --schemafile "$ray/autoscaler/ray-schema.json" infra/vm/cluster.yaml
.venv/bin/python infra/kuberay/pod_templates.py "$templates" infra/kuberay/*.yaml
"$tools/bin/kubernetes-validate" --strict --kubernetes-version 1.31.0 "$templates"/*.yaml
