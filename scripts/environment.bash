# Sourced by the scripts beside it: finds an interpreter, makes a virtual environment.
# It needs bash, coreutils and a Python 3.10+ with venv; the network only through pip.
# shellcheck shell=bash

# What would lead python or pip elsewhere than into our environment.  What says
# where packages come from (PIP_INDEX_URL, PIP_CERT, proxies) stays.
unset PYTHONHOME PYTHONPATH PYTHONOPTIMIZE PYTHONSTARTUP PYTHONWARNINGS VIRTUAL_ENV
unset PIP_CONSTRAINT PIP_NO_BINARY PIP_PREFIX PIP_REQUIRE_HASHES PIP_REQUIRE_VIRTUALENV
unset PIP_REQUIREMENT PIP_ROOT PIP_TARGET PIP_USER

# What only root has on its PATH in some distributions: the tests ask ethtool and ip.
export PATH=$PATH:/usr/sbin:/sbin

# say WORD...: a line for people, on standard error.
say() {
    printf '%s\n' "$*" >&2
}

# executable_of PYTHON: its real path, through version-manager shims; fails if it is not 3.10+.
executable_of() {
    "$1" -I -c 'import sys; sys.version_info >= (3, 10) or sys.exit(1); print(sys.executable)' \
        2>/dev/null </dev/null
}

# version_of PYTHON: "3.11".
version_of() {
    "$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null
}

# can_make_environments PYTHON: Debian packages venv and ensurepip apart from the interpreter.
can_make_environments() {
    "$1" -I -c 'import ensurepip, venv' 2>/dev/null </dev/null
}

# can_use_dashboards PYTHON: Grafana's SDK (requirements/dashboards.in) asks for 3.11.
can_use_dashboards() {
    "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null
}

# choose_python: prints the interpreter to use: $PYTHON, or else the newest that can be used.
choose_python() {
    local name found without_venv=
    if [[ -n ${PYTHON:-} ]]; then
        if ! found=$(executable_of "$PYTHON"); then
            say "PYTHON=$PYTHON is no Python 3.10 or newer that runs."
            return 1
        fi
        if ! can_make_environments "$found"; then
            say "PYTHON=$PYTHON has no venv; on Debian and Ubuntu: apt-get install python3-venv"
            return 1
        fi
        printf '%s\n' "$found"
        return
    fi
    for name in python3.13 python3.12 python3.11 python3.10 python3 python; do
        found=$(executable_of "$name") || continue
        if can_make_environments "$found"; then
            printf '%s\n' "$found"
            return
        fi
        without_venv=$name
    done
    if [[ -n $without_venv ]]; then
        say "$without_venv has no venv; on Debian and Ubuntu: apt-get install python3-venv"
    else
        say "No Python 3.10 or newer was found; PYTHON=/path/to/python names one."
    fi
    return 1
}

# make_environment FOLDER PYTHON WHAT...: a virtual environment with the pinned
# requirements/WHAT.txt and this checkout.  At once where it stands already.
make_environment() {
    local folder=$1 python=$2 state what name
    local -a pinned=()
    shift 2
    for what in "$@"; do
        pinned+=(-r "requirements/$what.txt")
    done
    state=$(
        "$python" -I -c 'import sys; print(sys.version, sys.executable)' </dev/null
        printf '%s\n' "$PWD/$folder" "${pinned[*]}"
        cat pyproject.toml agent/accelnet_agent/version.py requirements/*.txt
    )
    state=$(cksum <<<"$state")
    if [[ -f $folder/.accelnet && $(<"$folder/.accelnet") == "$state" ]] &&
        "$folder/bin/python" -I -c '' 2>/dev/null </dev/null; then
        return
    fi
    # The mark says that the folder is ours to remove; it is filled when all is done.
    if [[ -e $folder && ! -f $folder/.accelnet ]]; then
        say "$folder was not made by these scripts: remove it or move it away, and try again."
        return 1
    fi
    name=$(version_of "$python")
    say "Setting up $folder with Python $name (once; packages come through pip) ..."
    rm -rf -- "$folder"
    mkdir -- "$folder"
    : >"$folder/.accelnet"
    "$python" -I -m venv "$folder" </dev/null
    pip_install "$folder" --require-hashes --only-binary :all: "${pinned[@]}"
    pip_install "$folder" --no-index --no-build-isolation --editable .
    printf '%s\n' "$state" >"$folder/.accelnet"
}

# pip_install FOLDER ARGUMENT...: pip in that environment, as quiet as it can fail.
pip_install() {
    local folder=$1
    shift
    "$folder/bin/python" -I -m pip install -qq --disable-pip-version-check --no-input \
        --no-deps "$@" </dev/null
}
