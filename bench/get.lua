-- wrk: GET, and a line that can be read by a program. Environment: BENCH_PATHS, a file with one path and the key that goes with
-- it a line, to be asked for in turn instead of the path of the address (may be absent).
local file = os.getenv("BENCH_PATHS")
if file and file ~= "" then -- else there is no function to ask: wrk writes its request once
  local requests, counter = {}, 0
  function init()
    for line in io.lines(file) do
      local path, key = line:match("^(%S+) (.+)$")
      requests[#requests + 1] = wrk.format("GET", path, { ["Authorization"] = key })
    end
    math.randomseed(os.time())
    counter = math.random(1, 2 ^ 20)
  end
  function request()
    counter = counter + 1
    return requests[counter % #requests + 1]
  end
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %.0f %.0f %.0f %.0f\n", summary.requests, summary.duration, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
