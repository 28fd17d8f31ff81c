-- Each request reads a timer by chance. Arguments: a file with an id on each line, and for how many milliseconds each connection waits
-- before a request; without it, none.
local requests = {}

function init(args)
  for id in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", "/timers/" .. id)
  end
  local pause = tonumber(args[2])
  if pause then
    delay = function() return pause end
  end
end

function request()
  return requests[math.random(#requests)]
end
