#!/bin/sh
# Debian splits the standard library's venv into a package of its own; install it when we may, name it when we may not.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo '==> installing python3-venv'
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
else
    echo 'Python lacks the venv module. As root: apt-get install python3-venv' >&2
    exit 2
fi
