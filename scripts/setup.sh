# Sourced by the other scripts: makes .venv and installs into it what the caller names.
# setup EXTRA   -> .venv with deconvid[EXTRA] ("" for the product alone)

say() { printf '%s\n' "$*" >&2; }

# Installs missing Debian packages as root, else says which ones are missing.
# need_packages WHY PACKAGE...
need_packages() {
    local why=$1 missing=() package
    shift
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "installing ${missing[*]} ($why)"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null && return 0
    fi
    say "missing: ${missing[*]} ($why)"
    say "fix: sudo apt-get install --no-install-recommends ${missing[*]}"
    return 1
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo "$candidate"; return; }
    done
    say "error: Python 3.11, 3.12 or 3.13 is needed. Install it, or set PYTHON to its path"
    return 1
}

setup() {
    local extra=$1 python stamp
    python=$(find_python)
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        need_packages "Python's venv" python3-venv
    fi
    # opencv-python links against them; without them its import fails with a bare linker error.
    if ! ldconfig -p | grep -q 'libGL\.so\.1' || ! ldconfig -p | grep -q 'libglib-2\.0\.so\.0'; then
        need_packages "opencv-python links against libGL and libglib" libgl1 libglib2.0-0
    fi
    stamp=.venv/.installed-${extra:-product}-$(cat pyproject.toml requirements.lock | sha256sum | cut -c1-16)
    [ -e "$stamp" ] && return
    say "installing into .venv (once; minutes on a slow line)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --constraint requirements.lock --editable ".${extra:+[$extra]}"
    rm -f .venv/.installed-"${extra:-product}"-*
    touch "$stamp"
}

# The simulated camera is Debian's GStreamer RTSP server, driven by Debian's own Python.
camera_packages() {
    mapfile -t packages < <(grep -v '^#' scripts/camera-packages.txt)
    need_packages "the simulated RTSP camera" "${packages[@]}"
}

# For the tests of the MQTT bridge, and of the store in PostgreSQL. (Debian's services of them listen on loopback only.)
server_packages() {
    need_packages "the MQTT broker and the database of the tests" mosquitto postgresql
}
