#!/usr/bin/env bash
# Runs the tests in release and sums up. Arguments go to `swift test`.
# Without the real model, tests that need it are skipped by name; where CI is set that is a failure.
set -euo pipefail

log=.build/test.log
status=0
swift test -c release --disable-xctest "$@" 2>&1 | tee "$log" || status=$?

passed=$(grep -cE '^✔ Test .* passed after' "$log" || true)
failed=$(grep -cE '^✘ Test .* failed after' "$log" || true)
skipped=$(grep -cE '^➜ Test .* skipped' "$log" || true)
runs=$(grep -E '^[✔✘] Test run with' "$log" || true)

echo
echo "Tests: $passed passed, $failed failed, $skipped skipped"
if ((skipped)); then grep -E '^➜ Test .* skipped' "$log"; fi
if [[ -n ${CI:-} ]] && grep -qE '^➜ Test .* skipped.*make model' "$log"; then
  echo "error: tests were skipped because the model is missing; CI must run them" >&2
  status=1
fi
if [[ -z $runs ]]; then
  echo "error: no test ran to its end; see $log" >&2
  ((status)) || status=1
else
  echo "$runs"
fi
exit "$status"
