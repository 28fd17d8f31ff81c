-- Each request creates a timer that is due in a day.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"seconds":86400,"url":"http://127.0.0.1:9/hook"}'
