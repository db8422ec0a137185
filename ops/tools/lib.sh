# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the scripts share. Source it: . "$(dirname "$0")/lib.sh"
set -u
weir_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
weir_cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "needs root to run: $*"; fi
}

# install_packages [test]: what ops/packages.txt names and this machine lacks. With `test`, all of it.
install_packages() {
    local want=() missing=() name mark
    while read -r name mark; do
        case "$name" in ''|'#'*) continue ;; esac
        if [ -z "$mark" ] || [ "$mark" = "${1:-}" ]; then want+=("$name"); fi
    done < "$weir_root/ops/packages.txt"
    command -v dpkg-query >/dev/null || die "this is no Debian: install what ops/packages.txt names by hand"
    for name in "${want[@]}"; do
        dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} = 0 ]; then return 0; fi
    mkdir -p "$weir_root/build"
    local log=$weir_root/build/install.log
    say "install ${missing[*]} (log: build/install.log)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q > "$log" 2>&1 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >> "$log" 2>&1 ||
        { tail -20 "$log" >&2; die "apt-get failed; its log is build/install.log"; }
}

# free_port [TAKEN]...: a port that nobody listens on, below the range that outgoing connections use, and none of those.
free_port() {
    local port _ taken=" $* "
    for _ in $(seq 200); do
        port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
        [[ $taken != *" $port "* ]] || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return 0; fi
    done
    die "no free port"
}

# in_cache NAME COMMAND...: makes $weir_cache/NAME once, by COMMAND in an empty folder; whole or not at all.
in_cache() {
    local name=$1 draft; shift
    [ -d "$weir_cache/$name" ] && return 0
    mkdir -p "$weir_cache"
    exec 9>"$weir_cache/.lock"; flock 9
    if [ ! -d "$weir_cache/$name" ]; then
        draft=$(mktemp -d "$weir_cache/.draft-XXXXXX")
        if ! (cd "$draft" && "$@"); then rm -rf "$draft"; exec 9>&-; return 1; fi
        chmod 755 "$draft"
        mv "$draft" "$weir_cache/$name"
    fi
    exec 9>&-
}

# A server lives in a folder: DIR/NAME.pid, DIR/NAME.log, DIR/NAME.command (to start it again).
# server_start DIR NAME COMMAND...: in the background, away from our terminal and signals.
server_start() {
    local dir=$1 name=$2; shift 2
    printf '%q ' "$@" > "$dir/$name.command"
    setsid nohup "$@" > "$dir/$name.log" 2>&1 < /dev/null 9>&- &
    echo $! > "$dir/$name.pid"
}

# server_wait DIR NAME TEXT SECONDS: until its log says TEXT.
server_wait() {
    local dir=$1 name=$2 text=$3 i
    for i in $(seq $(($4 * 10))); do
        grep -qF -- "$text" "$dir/$name.log" 2>/dev/null && return 0
        kill -0 "$(cat "$dir/$name.pid")" 2>/dev/null || break
        sleep 0.1
    done
    tail -30 "$dir/$name.log" >&2
    die "$name did not start; its log is $dir/$name.log"
}

# servers_signal DIR SIGNAL: TERM waits for the end, and kills after 20 seconds.
servers_signal() {
    local file pid i
    for file in "$1"/*.pid; do
        [ -e "$file" ] || continue
        kill "-$2" "$(cat "$file")" 2>/dev/null
    done
    for file in "$1"/*.pid; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        for i in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null
        rm -f "$file"
    done
    return 0
}

# end_with OWNER DIR: when process OWNER is gone, so are the servers of DIR.
end_with() {
    [ -n "$1" ] || return 0
    (
        while kill -0 "$1" 2>/dev/null; do sleep 1; done
        servers_signal "$2" KILL
    ) > /dev/null 2>&1 < /dev/null 9>&- &
    disown
}
