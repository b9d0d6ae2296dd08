-- wrk: POST /v1/calls, each under an idempotency key of its own. Environment: BENCH_BODIES, a file with one body a line;
-- BENCH_KEYS, a file with one "Bearer ..." a line for each body (may be absent); BENCH_NEW=1 for a callee of its own each time (in an area code that is nobody's own number).
local bodies, keys, counter, new = {}, {}, 0, os.getenv("BENCH_NEW") == "1"
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init()
  for line in io.lines(os.getenv("BENCH_BODIES")) do bodies[#bodies + 1] = line end
  local file = os.getenv("BENCH_KEYS")
  if file and file ~= "" then for line in io.lines(file) do keys[#keys + 1] = line end end
  math.randomseed(os.time() + number + 7919 * (tonumber((os.getenv("BENCH_RUN") or "0"):match("%d+")) or 0)) -- processes that start together begin elsewhere
  counter = math.random(1, 2 ^ 40)
end
function request()
  counter = counter + 1
  local i = counter % #bodies + 1
  local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "bench-" .. (os.getenv("BENCH_RUN") or "") .. number .. "-" .. counter }
  if keys[i] then headers["Authorization"] = keys[i] end
  local body = new and bodies[i]:gsub("%+14155550101", string.format("+1628%d", 2000000 + counter % 7999999), 1) or bodies[i]
  return wrk.format("POST", "/v1/calls", headers, body)
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %.0f %.0f %.0f %.0f\n", summary.requests, summary.duration, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
