-- The last line that wrk prints: what bench/scraping.py reads.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"p99_us": %d, "requests": %d, "refused": %d, "broken": %d}\n',
      latency:percentile(99.0), summary.requests, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
