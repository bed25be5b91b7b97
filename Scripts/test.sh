#!/usr/bin/env bash
# Runs the tests in release and sums up. Arguments go to `swift test`.
# Without the real model, tests that need it are skipped by name; where CI is set that is a failure.
set -euo pipefail

log=.build/test.log
status=0
# Without testable imports the tests link the modules that `swift build` made: the code that ships, compiled once.
swift test -c release --disable-xctest --disable-testable-imports "$@" 2>&1 | tee "$log" || status=$?

passed=$(grep -E '^✔ Test .* passed after' "$log" | grep -vc '^✔ Test run with' || true)
failed=$(grep -E '^✘ Test .* failed after' "$log" | grep -vc '^✘ Test run with' || true)
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
elif ((passed + failed == 0)); then
  echo "error: no test ran; are the tests still found?" >&2
  ((status)) || status=1
fi
[[ -z $runs ]] || echo "$runs"
exit "$status"
