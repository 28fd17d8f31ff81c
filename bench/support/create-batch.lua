-- Each request creates timers that are due in a day. Argument: how many.
function init(args)
  local timers = {}
  for number = 1, tonumber(args[1]) do
    timers[number] = '{"seconds":86400,"url":"http://127.0.0.1:9/hook"}'
  end
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.body = '{"timers":[' .. table.concat(timers, ",") .. "]}"
end
