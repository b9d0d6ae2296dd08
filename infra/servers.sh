#!/usr/bin/env bash
# PostgreSQL and RabbitMQ of this checkout alone: own data, own ports, loopback only.
#   servers.sh install|up|down|clean|status        data: $CHORUS_LOCAL/servers (default ./.local)
#   servers.sh kill|pause|resume pg|mq             for tests that pull plugs; CHORUS_PORTS=26000 moves all ports
set -euo pipefail
umask 022                                   # root's own umask must not hide our configs from postgres

PORTS=${CHORUS_PORTS:-28000}                # below 32768: no outgoing connection is given one of them while we are down
readonly PG_PORT=$((PORTS + 432)) MQ_PORT=$((PORTS + 672)) MQ_UI_PORT=$((PORTS + 673)) MQ_DIST_PORT=$((PORTS + 674)) EPMD_PORT=$((PORTS - 631))
readonly MQ=/usr/lib/rabbitmq/bin/rabbitmq-server  # not /usr/sbin's wrapper: that one su's to rabbitmq
readonly WAIT=90 STOP_WAIT=30               # seconds

SELF=$(realpath -- "$0"); LOCAL=$(realpath -m -- "${CHORUS_LOCAL:-./.local}")
ID=$(sha256sum <<<"$LOCAL"); ID=${ID::12}
LINK=$LOCAL/servers FALLBACK=/var/tmp/chorus-$ID
if [[ -L $LINK ]]; then D=$FALLBACK; else D=$LINK; fi
# Our processes carry these names in their command lines and are found by them, never by a pid
# file: nothing to go stale after kill -9, no mistaking of a reused pid or another checkout's server.
readonly PG_MARK=chorus-pg-$ID MQ_MARK=chorus-mq-$ID
AS=()                                       # PostgreSQL refuses root, so root runs both as postgres
if (( EUID == 0 )); then AS=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi

die() { echo "servers.sh: $*" >&2; exit 1; }
as() { env -i "${AS[@]}" env PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$D" "$@"; }
pids() { grep -las "[${1::1}]${1:1}" /proc/[0-9]*/cmdline | cut -d/ -f3 || true; }  # [x] hides grep itself
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
soon() { # seconds command...: true as soon as the command is
  local end=$(( SECONDS + $1 )); shift
  until "$@"; do (( SECONDS < end )) || return 1; sleep 0.1; done
}
pgbin() { # the version that made the data, else the newest
  local v='*'; [[ ! -f $D/pg/PG_VERSION ]] || v=$(<"$D/pg/PG_VERSION")
  compgen -G "/usr/lib/postgresql/$v/bin/postgres" | sort -V | tail -n1 | xargs -r dirname
}
has_lz4() { # bin: since 15, and if it was built with it
  local v=${1%/bin}; v=${v##*/}
  (( v >= 15 )) && [[ $(ldd "$1/postgres") == *liblz4* ]]
}
detach() { # log command...: in a session of its own, holding no terminal, pipe or lock of the caller
  local log=$1 fd; shift
  [[ ! -e $log ]] || mv -f "$log" "$log.1"
  (
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}; if (( fd > 2 && fd != 255 )); then eval "exec $fd>&-"; fi  # 255: bash's own, cloexec
    done
    # Many for Erlang, yet bounded: with "infinity" (containers) it walks through a billion of them.
    ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
    exec setsid env -i "${AS[@]}" env PATH=/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 "$@"
  ) </dev/null >"$log" 2>&1 &
  CHILD=$!                                  # every step above is an exec: this is the server's own pid
}
gone() { [[ -z $(pids "$1") ]]; }
stop() { # mark-to-signal signal mark-of-all
  local p; mapfile -t p < <(pids "$1"); gone "$3" && return
  (( ${#p[@]} )) || mapfile -t p < <(pids "$3")           # orphans of a killed postmaster
  kill -s "$2" "${p[@]}" 2>/dev/null || true
  soon "$STOP_WAIT" gone "$3" && return
  echo "servers.sh: $3 did not stop in ${STOP_WAIT}s, killing it" >&2
  pids "$3" | xargs -r kill -KILL 2>/dev/null || true; soon "$STOP_WAIT" gone "$3"  # one that waits for a slow disk goes late
}
stop_pg() { stop "cluster_name=$PG_MARK" INT "$PG_MARK"; }        # INT: PostgreSQL's fast shutdown
stop_mq() {
  stop "$MQ_MARK" TERM "$MQ_MARK"                                  # TERM: clean stop of the node
  # epmd refuses to die while a node (of another checkout, say) is registered with it.
  if listens $EPMD_PORT; then epmd -port $EPMD_PORT -kill >/dev/null 2>&1 || true; fi
}
pg_up() { [[ -n $(pids "cluster_name=$PG_MARK") ]] && "$(pgbin)/pg_isready" -qh 127.0.0.1 -p $PG_PORT -U chorus -d chorus; }
mq_up() { [[ -n $(pids "$MQ_MARK") ]] && listens $MQ_PORT && listens $MQ_UI_PORT; }
settled() { "$1"_up || ! kill -0 "$CHILD" 2>/dev/null; }  # up, or dead: nothing to wait for
await() { # pg|mq logs...
  soon "$WAIT" settled "$1" && "$1"_up && return
  { echo "servers.sh: $1 is not up; its log:"; tail -n 25 "${@:2}" || true; } >&2; return 1
}
free() { local p; for p; do ! listens "$p" || die "port $p is taken by a program that is not ours"; done; }

start_pg() {
  local bin; bin=$(pgbin)
  [[ ! -f $D/pg/PG_VERSION ]] || ! pg_up || return 0
  stop_pg; free $PG_PORT
  if [[ ! -f $D/pg/PG_VERSION ]]; then      # made aside and moved, so that a torn initdb never counts
    rm -rf "$D/pg" "$D/pg.new"; echo chorus >"$D/pg.pw"
    { as "$bin/initdb" -D "$D/pg.new" -U chorus -A scram-sha-256 --pwfile="$D/pg.pw" -E UTF8 --locale=C.UTF-8 &&
      as "$bin/postgres" --single -c exit_on_error=on -D "$D/pg.new" postgres <<<'CREATE DATABASE chorus' &&
      as "$bin/postgres" --single -c exit_on_error=on -D "$D/pg.new" chorus <<<'CREATE EXTENSION pg_stat_statements'
    } >"$D/pg.init.log" 2>&1 </dev/null || { tail -n 25 "$D/pg.init.log" >&2; die "initdb failed"; }
    rm "$D/pg.pw"; mv "$D/pg.new" "$D/pg"
  fi
  cat >"$D/pg.conf" <<-END
	listen_addresses = '127.0.0.1'
	port = $PG_PORT
	unix_socket_directories = ''            # a deep checkout would exceed the 107 bytes of a socket path
	max_connections = 300
	shared_buffers = 512MB
	fsync = on
	synchronous_commit = on
	wal_compression = on
	max_wal_size = 4GB
	shared_preload_libraries = 'pg_stat_statements'
	idle_in_transaction_session_timeout = 60s
	log_line_prefix = '%m [%p] %d '
	END
  if has_lz4 "$bin"; then printf '%s\n' 'wal_compression = lz4' 'default_toast_compression = lz4' >>"$D/pg.conf"; fi
  rm -f "$D/pg/postmaster.pid"              # nobody of ours lives (stop_pg), so its pid is another's
  detach "$D/pg.log" HOME="$D" "$bin/postgres" -D "$D/pg" -c config_file="$D/pg.conf" -c cluster_name="$PG_MARK"
  await pg "$D/pg.log"
}
start_mq() {
  local M=$D/mq
  local given=${SELF%/*}/rabbitmq/definitions.json    # a virtual host that came since is made at the next start
  [[ ! -d $M/mnesia ]] || ! mq_up || ! cmp -s "$given" "$M/definitions.json" || return 0
  stop_mq; free $MQ_PORT $MQ_UI_PORT $MQ_DIST_PORT
  as mkdir -p "$M/mnesia" "$M/log"
  # Loaded at boot before the listeners open: no rabbitmqctl (a second each), no guest user.
  cat "$given" >"$M/definitions.json"
  echo '[rabbitmq_management].' >"$M/enabled_plugins"
  cat >"$M/rabbitmq.conf" <<-END
	listeners.tcp.local = 127.0.0.1:$MQ_PORT
	management.tcp.ip = 127.0.0.1
	management.tcp.port = $MQ_UI_PORT
	load_definitions = $M/definitions.json
	vm_memory_high_watermark.relative = 0.4
	log.file.rotation.size = 10485760
	END
  # Ours and on loopback; Erlang would start one of its own on all addresses.
  listens $EPMD_PORT || detach "$M/epmd.log" epmd -address 127.0.0.1 -port $EPMD_PORT
  soon 5 listens $EPMD_PORT || die "epmd does not listen on $EPMD_PORT"
  # HOME of its own: own cookie. CONF_ENV_FILE and CONFIG_FILES: else /etc/rabbitmq's are read too.
  # DIST_PORT: the default is AMQP port + 20000, beyond 65535 here.
  detach "$M/out.log" HOME="$M" ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME=chorus@localhost RABBITMQ_DIST_PORT=$MQ_DIST_PORT RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$M/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$M/conf.d" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$M/advanced.config" RABBITMQ_ENABLED_PLUGINS_FILE="$M/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$M/mnesia" RABBITMQ_LOG_BASE="$M/log" RABBITMQ_PID_FILE="$M/pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" "$MQ" -chorus "$MQ_MARK"
  await mq "$M/out.log" "$M/log/chorus@localhost.log"
}
place() { # a data dir that the servers' user can write to
  [[ -L $LINK ]] || mkdir -p "$LINK"
  if (( EUID == 0 )); then
    if [[ -L $LINK ]] || ! chown postgres: "$LINK" 2>/dev/null || ! "${AS[@]}" test -w "$LINK"; then
      # E.g. a checkout below /root. Made by postgres, so a stranger's directory is noticed, not used.
      "${AS[@]}" mkdir -m 700 "$FALLBACK" 2>/dev/null ||
        [[ ! -L $FALLBACK && $(stat -c %U "$FALLBACK") == postgres ]] || die "$FALLBACK belongs to another user"
      [[ -L $LINK ]] || rmdir "$LINK" || die "$LINK holds data but postgres cannot reach it any more"
      ln -sfn "$FALLBACK" "$LINK"; D=$FALLBACK
    fi
  elif [[ ! -w $LINK/ ]]; then die "$LINK is another user's (was up run as root?)"; fi
}
missing() { # the last one is for a sample that the tests run
  [[ -n $(pgbin) ]] || echo postgresql; [[ -x $MQ ]] || echo rabbitmq-server
  command -v espeak-ng >/dev/null || echo espeak-ng   # the voices of the sandbox's recordings
  [[ ! -x /usr/bin/python3 ]] || /usr/bin/python3 -c 'import pika' 2>/dev/null || echo python3-pika
}
install_packages() {
  local need
  mapfile -t need < <(missing); (( ${#need[@]} )) || return 0
  (( EUID == 0 )) || exec sudo -- bash "$SELF" install
  # The distribution's own servers are not wanted: neither started now (an existing policy is left to
  # decide) nor, for RabbitMQ, at the next boot; no "main" cluster either. Running ones are untouched.
  policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/zz-chorus.conf made=
  trap 'rm -f "$cluster" ${made:+"$policy"}' EXIT   # globals: a local is gone when the trap runs
  if [[ ! -e $policy ]]; then made=1; printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; fi
  mkdir -p "${cluster%/*}"; echo 'create_main_cluster = false' >$cluster
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get install -y -q --no-install-recommends --no-upgrade "${need[@]}")
  "${apt[@]}" || { apt-get update -q && "${apt[@]}"; }
  if [[ " ${need[*]} " == *' rabbitmq-server '* ]]; then systemctl disable rabbitmq-server 2>/dev/null || true; fi
}

lock() { [[ ! -d $LOCAL ]] || { exec {LOCK}>"$LOCAL/.servers.lock"; flock -w 180 "$LOCK" || die "locked"; }; }
case ${1:-} in
  install) install_packages ;;
  up)
    [[ -n $(pgbin) && -x $MQ ]] || die "missing: $(missing | xargs); run: $SELF install"
    mkdir -p "$LOCAL"; lock; place; cd "$D"                    # the caller's directory may be closed to postgres
    start_pg & pg=$!; start_mq & mq=$!
    ok=0; wait $pg || ok=1; wait $mq || ok=1; exit $ok ;;
  down|clean)
    lock; stop_pg & pg=$!; stop_mq & mq=$!
    ok=0; wait $pg || ok=1; wait $mq || ok=1; (( ok == 0 )) || exit $ok
    if [[ $1 == clean ]]; then rm -rf "$LINK" "$FALLBACK" "$LOCAL/.servers.lock"; fi ;;
  status)
    ok=0
    if pg_up; then s=up; else s=down ok=3; fi; echo "postgresql $s  postgresql://chorus:chorus@127.0.0.1:$PG_PORT/chorus"
    if mq_up; then s=up; else s=down ok=3; fi; echo "rabbitmq   $s  amqp://chorus:chorus@127.0.0.1:$MQ_PORT/chorus  http://127.0.0.1:$MQ_UI_PORT"
    echo "data       $D"; exit $ok ;;
  kill|pause|resume)
    case ${2:-} in
      pg) mark="cluster_name=$PG_MARK" hard=QUIT ;;   # QUIT: PostgreSQL's immediate shutdown
      mq) mark=$MQ_MARK hard=KILL ;;
      *) die "kill, pause or resume what: pg or mq?" ;;
    esac
    case $1 in kill) signal=$hard ;; pause) signal=STOP ;; *) signal=CONT ;; esac
    # A paused postmaster accepts nobody, yet its children would go on: all of them stand still.
    [[ $1 == kill || ${2} == mq ]] || mark=$PG_MARK
    if [[ ${2} == pg && $1 != kill ]]; then pids "cluster_name=$PG_MARK" | while read -r p; do kill -s "$signal" "$p" $(pgrep -P "$p") 2>/dev/null || true; done
    else pids "$mark" | xargs -r kill -s "$signal" 2>/dev/null || true; fi
    if [[ $1 == kill ]]; then soon "$STOP_WAIT" gone "$mark" || pids "$mark" | xargs -r kill -KILL 2>/dev/null || true; fi ;;
  *) sed -n '2,4s/^# *//p' "$SELF" >&2; exit 2 ;;
esac
