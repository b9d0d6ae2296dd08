#!/usr/bin/env bash
# Everything the Makefile does. With a container engine it uses docker-compose.yml, else this machine's own packages
# (Debian, Ubuntu). CHORUS_MODE=native or CHORUS_MODE=docker overrides the choice.
#   chorus.sh servers|up|demo|test|chaos|bounds|bench|micro|verify|rebuild|dead-letters|replay|down|clean|logs
set -euo pipefail
cd "$(dirname "$0")/.."
export CHORUS_LOCAL=$PWD/.local
mkdir -p .local/run .local/log

STORE="Host=127.0.0.1;Port=28432;Database=chorus;Username=chorus;Password=chorus"

die() { echo "$*" >&2; exit 1; }
has_docker() { command -v docker >/dev/null && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }
MODE=${CHORUS_MODE:-$(if has_docker; then echo docker; else echo native; fi)}
# What was started is stopped in the same way, whatever was installed or stopped meanwhile.
case ${1:-} in down | clean) if [[ -z ${CHORUS_MODE:-} && -s .local/mode ]]; then MODE=$(<.local/mode); fi ;; esac

needs_dotnet() {
  local sdk; sdk=$(dotnet --version 2>/dev/null || true)
  [[ $sdk == 10.* ]] || die "The .NET 10 SDK is needed (found: ${sdk:-none}). See https://dotnet.microsoft.com/download/dotnet/10.0 or, on Ubuntu: apt-get install dotnet-sdk-10.0"
  command -v curl >/dev/null || die "curl is needed: apt-get install curl"
}

# The operator's key is made on the first start and kept in .local, which git ignores.
admin_key() {
  [[ -s .local/admin-key ]] || (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >.local/admin-key)
  cat .local/admin-key
}

settings() { # what the hosts and the demo are told, natively
  export CHORUS_URL=http://127.0.0.1:8080 CHORUS_SANDBOX_URL=http://127.0.0.1:8082 CHORUS_SANDBOX_TOKEN=sandbox-auth-token
  export CHORUS_AMQP_URL=amqp://chorus:chorus@127.0.0.1:28672/chorus CHORUS_POSTGRES=postgresql://chorus:chorus@127.0.0.1:28432/chorus
  CHORUS_ADMIN_KEY=$(admin_key); export CHORUS_ADMIN_KEY
}

servers() {
  if [[ $MODE == docker ]]; then CHORUS_ADMIN_KEY=$(admin_key) docker compose up -d --wait postgres rabbitmq
  else infra/servers.sh install; infra/servers.sh up; fi
  echo "$MODE" >.local/mode
}

# The servers of chaos are its own, on ports that no outgoing connection takes while they are down: chaos_servers up|clean|kill|pause|resume [pg|mq]
chaos_servers() {
  local what=$1 server=${2:-}
  if [[ $MODE == docker ]]; then
    case $server in pg) server=postgres ;; mq) server=rabbitmq ;; esac
    export CHORUS_PG_PORT=26432 CHORUS_MQ_PORT=26672 CHORUS_MQ_UI_PORT=26673 CHORUS_ADMIN_KEY=chaos
    local compose=(docker compose -p chorus-chaos)
    case $what in
      up) "${compose[@]}" up -d --wait postgres rabbitmq ;;
      clean) "${compose[@]}" down --volumes ;;
      kill)
        "${compose[@]}" kill -s "$([[ $server == postgres ]] && echo QUIT || echo KILL)" "$server"
        for _ in {1..300}; do [[ -n $("${compose[@]}" ps -q --status running "$server") ]] || break; sleep 0.1; done ;;
      pause) "${compose[@]}" pause "$server" ;;
      resume) "${compose[@]}" unpause "$server" ;;
    esac
  else
    [[ $what != up ]] || infra/servers.sh install
    CHORUS_LOCAL=$PWD/.local/chaos CHORUS_PORTS=26000 infra/servers.sh "$@"
  fi
}

# CHAOS_WITHOUT_CLAIM=1: hosts built without the claim, with which chaos must find calls that are dialled twice.
without_claim() {
  [[ -n ${CHAOS_WITHOUT_CLAIM:-} ]] || return 0
  dotnet build tests/Chorus.Chaos -c Release --nologo -v quiet --artifacts-path .local/chaos/without-claim -p:DefineConstants=CHORUS_WITHOUT_CLAIM >.local/log/build.log 2>&1 ||
    { cat .local/log/build.log >&2; die "The build failed."; }
  export CHAOS_BINARIES=$PWD/.local/chaos/without-claim/bin
}

build() {
  dotnet build Chorus.sln -c Release --nologo -v minimal >.local/log/build.log 2>&1 || { cat .local/log/build.log >&2; die "The build failed."; }
}

healthy() { curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$1/health/ready"; }

start() { # project port environment...: leaves alone what runs from the same build
  local name=$1 port=$2 dll stamp; shift 2
  dll=$PWD/src/$name/bin/Release/net10.0/$name.dll
  stamp=$(find "${dll%/*}" -type f -printf '%T@\n' | sort -n | tail -n1) # a change may be in a library of it alone
  if [[ -f .local/run/$name ]]; then
    read -r pid built <.local/run/$name
    if [[ $built == "$stamp" ]] && kill -0 "$pid" 2>/dev/null && healthy "$port"; then return; fi
    stop "$name"
  fi
  if healthy "$port" || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then die "Port $port is taken by another program; stop it and try again."; fi
  (
    cd "${dll%/*}"
    exec env ASPNETCORE_URLS="http://127.0.0.1:$port" "$@" setsid dotnet "$dll" </dev/null >>"$CHORUS_LOCAL/log/$name.log" 2>&1
  ) &
  echo "$! $stamp" >.local/run/$name
  disown
}

stop() { # project
  [[ -f .local/run/$1 ]] || return 0
  local pid; read -r pid _ <.local/run/"$1"
  rm -f .local/run/"$1"
  grep -qs "$1.dll" "/proc/$pid/cmdline" || return 0 # gone, or its number belongs to another program
  kill "$pid" 2>/dev/null || true
  for _ in {1..350}; do grep -qs "$1.dll" "/proc/$pid/cmdline" || return 0; sleep 0.1; done # one that nobody reaps has none
  kill -9 "$pid" 2>/dev/null || true
}

await() { # project port
  for _ in {1..300}; do
    if healthy "$2"; then return; fi
    if [[ $MODE == native ]] && ! kill -0 "$(cut -d' ' -f1 .local/run/"$1")" 2>/dev/null; then break; fi
    sleep 0.2
  done
  [[ $MODE == native ]] || die "$1 did not become healthy; make logs shows why"
  tail -n 30 ".local/log/$1.log" >&2 || true
  die "$1 did not become healthy; its log is .local/log/$1.log"
}

up() {
  needs_dotnet
  settings
  if [[ $MODE == docker ]]; then
    build
    docker compose up -d --build --wait
    echo docker >.local/mode
  else
    servers & local starting=$!
    build
    wait $starting
    start Chorus.Sandbox 8082 Sandbox__Witness="$CHORUS_LOCAL/witness.jsonl" Sandbox__Speed="${SANDBOX_SPEED:-1}"
    local recordings="$CHORUS_LOCAL/recordings"
    start Chorus.Api 8080 Chorus__Recordings__Folder="$recordings" ConnectionStrings__Postgres="$STORE" ConnectionStrings__RabbitMq="$CHORUS_AMQP_URL" Chorus__AdminKey="$CHORUS_ADMIN_KEY"
    start Chorus.Worker 8081 Chorus__Recordings__Folder="$recordings" Chorus__ApiUrl="${Chorus__ApiUrl:-$CHORUS_URL}" ConnectionStrings__Postgres="$STORE" ConnectionStrings__RabbitMq="$CHORUS_AMQP_URL" \
      Chorus__PublicUrl="${Chorus__PublicUrl:-http://127.0.0.1:8081}" Chorus__Twilio__BaseUrl="${Chorus__Twilio__BaseUrl:-$CHORUS_SANDBOX_URL}"
  fi
  await Chorus.Sandbox 8082; await Chorus.Api 8080; await Chorus.Worker 8081
  (umask 077; dotnet src/Chorus.Demo/bin/Release/net10.0/Chorus.Demo.dll seed .local/demo.env) # it has the operator's key
  echo "Chorus is up ($MODE): API http://127.0.0.1:8080 (docs at /docs), worker :8081, sandbox carrier :8082; keys in .local/demo.env"
}

down() {
  if [[ $MODE == docker ]]; then CHORUS_ADMIN_KEY=$(admin_key) docker compose down --remove-orphans "$@"
  else
    for name in Chorus.Worker Chorus.Api Chorus.Sandbox; do stop "$name"; done
    infra/servers.sh down
  fi
  interrupted
}

# What a run of chaos or the bench left that was interrupted: the bench's servers are never containers.
interrupted() {
  if [[ $MODE == docker ]]; then (chaos_servers clean) || echo "The servers of chaos could not be stopped" >&2; fi
  if [[ -e .local/chaos/servers || -L .local/chaos/servers ]]; then (MODE=native; chaos_servers clean) || echo "The servers of chaos could not be stopped" >&2; fi
}

# The servers of chaos serve the bench too: empty, and nobody else's. Never containers: what they take is read from this machine's
# processes, and pgbench comes with PostgreSQL's package.
bench() {
  needs_dotnet
  MODE=native
  mkdir -p .local/bench/emmett .local/chaos
  command -v node >/dev/null && command -v npm >/dev/null || die "Node.js is needed for one of the peers: apt-get install nodejs npm"
  command -v wrk >/dev/null || apt-get install -y -q wrk >/dev/null || die "wrk is needed: apt-get install wrk"
  cp bench/peers/emmett/* .local/bench/emmett/
  (cd .local/bench/emmett && npm install --no-audit --no-fund --silent)
  dotnet build bench/Chorus.Bench -c Release --nologo -v minimal >.local/log/build.log 2>&1 || { cat .local/log/build.log >&2; die "The build failed."; }
  rm -rf .local/bench/image
  as_image_has_it Chorus.Api
  if [[ ${BENCH_IMAGE:-} == 1 ]]; then as_image_has_it Chorus.Worker; fi
  chaos_servers clean; chaos_servers up
  local ok=0
  dotnet bench/Chorus.Bench/bin/Release/net10.0/Chorus.Bench.dll || ok=$?
  chaos_servers clean
  return $ok
}

# A host compiled ahead, as infra/Dockerfile does it, from a copy of the sources: packages.lock.json must not learn of this machine's kind.
as_image_has_it() {
  mkdir -p .local/bench/image/source
  tar c --exclude=bin --exclude=obj src ./*.props global.json BannedSymbols.txt .editorconfig | tar x -C .local/bench/image/source
  dotnet publish ".local/bench/image/source/src/$1" -c Release -o ".local/bench/image/$1/bin/Release/net10.0" --use-current-runtime --self-contained false -p:PublishReadyToRun=true --nologo -v minimal >.local/log/build.log 2>&1 || { cat .local/log/build.log >&2; die "The build failed."; }
}

# Decide, evolve, serialise, validate by themselves; needs no servers.
micro() {
  needs_dotnet
  dotnet build bench/Chorus.Micro -c Release --nologo -v minimal >.local/log/build.log 2>&1 || { cat .local/log/build.log >&2; die "The build failed."; }
  dotnet bench/Chorus.Micro/bin/Release/net10.0/Chorus.Micro.dll
}

run_tests() {
  needs_dotnet
  rm -rf TestResults .local/test-summary
  servers & local starting=$!
  build
  wait $starting
  local failed=0 project
  mkdir -p TestResults
  # One project after the other; side by side they only get in each other's way. Each by its own runner: through
  # `dotnet test` what it tells travels over its standard output, which the hosts under test write to as well, and of
  # which xunit's adapter reads with two threads at a process's end ("Test process crashed with exit code 0").
  for project in tests/*.Tests; do
    project=${project#tests/}
    dotnet "tests/$project/bin/Release/net10.0/$project.dll" -noLogo -noColor -noAutoReporters -trx "TestResults/$project.trx" </dev/null \
      | grep --line-buffered -v '^{' || failed=1 # the hosts' log is JSON
  done
  # what failed once more where it is seen, under the reports of all projects
  cat TestResults/*.trx | awk '
    /<UnitTestResult .*outcome="Failed"/ { match($0, /testName="[^"]*"/); print "FAILED " substr($0, RSTART + 10, RLENGTH - 11); left = 30 }
    /<\/UnitTestResult>/ { left = 0 }
    left > 0 && (/<Message>/ || told) { print "  " $0; left--; told = !/<\/Message>/ && left > 0 }
  ' | sed 's/&#xD;//; s/<[^>]*>//g; s/&quot;/"/g'
  # one line for all projects; skipped is what was not executed
  cat TestResults/*.trx | grep -o '<Counters [^>]*' | awk '
    function n(name) { match($0, name "=\"[0-9]+\""); return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) }
    { passed += n("passed"); failed += n("failed"); skipped += n("total") - n("executed") }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' >.local/test-summary || failed=1
  cat .local/test-summary
  return $failed
}

case ${1:-} in
  servers) needs_dotnet; servers ;;
  up) up ;;
  demo) up; dotnet src/Chorus.Demo/bin/Release/net10.0/Chorus.Demo.dll run .local/demo.env ;;
  test) run_tests ;;
  chaos) needs_dotnet; mkdir -p .local/chaos; build; without_claim; dotnet tests/Chorus.Chaos/bin/Release/net10.0/Chorus.Chaos.dll ;;
  bench) bench ;;
  micro) micro ;;
  bounds) needs_dotnet; mkdir -p .local/chaos; build; dotnet tests/Chorus.Chaos/bin/Release/net10.0/Chorus.Chaos.dll bounds ${BOUNDS:-} ;;
  chaos-servers) mkdir -p .local/chaos; chaos_servers "${@:2}" ;;
  verify|rebuild|dead-letters|replay)
    needs_dotnet; settings; servers & starting=$!; build; wait $starting
    ConnectionStrings__Postgres=$STORE ConnectionStrings__RabbitMq=$CHORUS_AMQP_URL dotnet src/Chorus.Operator/bin/Release/net10.0/Chorus.Operator.dll "$1" ;;
  down) down ;;
  clean)
    if [[ $MODE == docker ]]; then down --volumes; else down; infra/servers.sh clean; fi
    rm -rf .local TestResults; find . -type d \( -name bin -o -name obj \) -not -path './.git/*' -prune -exec rm -rf {} + ;;
  logs) if [[ $MODE == docker ]]; then CHORUS_ADMIN_KEY=$(admin_key) docker compose logs -f --tail 50; else tail -n 50 -F .local/log/*.log; fi ;;
  *) sed -n '2,4s/^# *//p' "$0" >&2; exit 2 ;;
esac
