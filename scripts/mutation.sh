#!/bin/sh
# Would the tests notice a mistake? Makes small mistakes in the core, one at a time, and runs the tests beside it (mutmut; [tool.mutmut] in
# pyproject.toml says where). Fails if fewer than 90 % are noticed. About 4,000 mistakes: an hour and a half on two cores.
#   sh scripts/mutation.sh                                         all of them
#   sh scripts/mutation.sh 'screener.verdict.*' '...mutmut_7'      some, by name or pattern
# Then `.venv/bin/mutmut results` lists those that nothing noticed, and `.venv/bin/mutmut show NAME` shows one.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import mutmut' 2> /dev/null || .venv/bin/python -m pip install --quiet --editable '.[dev,mutation]'
.venv/bin/python -m mutmut run "$@"
.venv/bin/python -m mutmut export-cicd-stats > /dev/null
.venv/bin/python - <<'PYTHON'
import json, sys
found = json.load(open("mutants/mutmut-cicd-stats.json"))
noticed = found["killed"] + found["timeout"] + found["segfault"]
tried = noticed + found["survived"] + found["no_tests"] + found["suspicious"]
share = noticed / max(1, tried)
print(f"{noticed} of {tried} mistakes noticed: {100 * share:.1f} %")
sys.exit(share < 0.9)
PYTHON
