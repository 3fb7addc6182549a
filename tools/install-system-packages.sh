#!/bin/sh
# Installs the system packages that are missing (Debian, Ubuntu): QEMU and the Arm compiler, CMake and Ninja, venv.
set -eu

missing=""
need() { # command package...
    command -v "$1" >/dev/null 2>&1 || { shift; missing="$missing $*"; }
}
need qemu-system-arm qemu-system-arm
need arm-none-eabi-gcc gcc-arm-none-eabi libnewlib-arm-none-eabi
need cmake cmake
need ninja ninja-build
need gdb-multiarch gdb-multiarch
"${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing:$missing (Debian names). Install their equivalents for this system, then run make again." >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Missing:$missing. Run as root: apt-get install$missing" >&2; exit 1; }
    sudo=sudo
fi
echo "installing$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 -- a list of words is meant
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
