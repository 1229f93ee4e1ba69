# The README's two commands and their neighbours. Everything a machine lacks is installed by the
# targets themselves: Debian packages by .ci/host-packages, Python packages from hashed locks by uv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E)
PYTHON ?= /usr/bin/python3
VENV := .venv
UV := .tools/bin/uv
ENCLAVE := $(SUDO) $(VENV)/bin/enclave
DEMO_PACKAGES := docker.io debootstrap iptables bubblewrap e2fsprogs
TEST_PACKAGES := $(DEMO_PACKAGES) chromium postgresql strace r-base-core r-cran-reticulate

.PHONY: help demo demo-stop test check web-test spark-test acro bench nightly docs verify.pyz clean

help: ## say what each target does
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime .demo-data-venv/.ready ## bring up the whole enclave with simulated agencies
	@.ci/host-packages $(DEMO_PACKAGES)
	@$(ENCLAVE) demo up

demo-stop: ## stop everything the demo started; the data is kept
	@if [ -x $(VENV)/bin/enclave ]; then $(ENCLAVE) demo down; else echo "Nothing was installed."; fi

test: $(VENV)/.dev .demo-data-venv/.ready ## run every test, browser and containers included
	@.ci/host-packages $(TEST_PACKAGES)
	@$(SUDO) .ci/with-engine $(VENV)/bin/python .ci/tests $(ARGS)

check: $(VENV)/.dev ## lint, types, import rules, generated docs
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python docs/generate.py --check

web-test: $(VENV)/.dev ## only the pages, in Chromium with axe
	@.ci/host-packages $(TEST_PACKAGES)
	$(VENV)/bin/python -m pytest tests/web $(ARGS)

spark-test: .spark-venv/.ready ## the tests of the Spark engine, an extra (SPARK=all: every query)
	@.ci/host-packages openjdk-17-jre-headless
	@$(SUDO) .spark-venv/bin/python -m pytest tests/spark $(ARGS)

acro: $(VENV)/.dev .acro-venv/.ready ## record what the checker ACRO says of three holes that ours has not
	$(VENV)/bin/python -m benchmarks.evidence holes

bench: $(VENV)/.dev .demo-data-venv/.ready ## print the benchmark tables, write JSON to benchmarks/results
	@.ci/host-packages $(DEMO_PACKAGES)
	@$(SUDO) .ci/with-engine $(VENV)/bin/python -m benchmarks $(ARGS)

nightly: $(VENV)/.dev ## what takes hours: a million broken queries, every fault, a thousand tables, Spark where installed
	$(VENV)/bin/python -m tests.fuzz $(ARGS)
	DIFFERENTIAL=20000 $(VENV)/bin/python -m pytest tests/unit/gateway/test_differential.py -k made
	@.ci/host-packages $(TEST_PACKAGES)
	$(SUDO) env INJECTIONS=all $(VENV)/bin/python -m pytest $(foreach part,faults kill outages wal,tests/hostile/test_audit_$(part).py)
	ENCLAVE_PYMERKLE=1 ENCLAVE_WITNESS_KILLS=50 $(VENV)/bin/python -m pytest tests/unit/audit/test_pymerkle.py tests/unit/audit/test_witness.py
	FUZZ=20000 $(VENV)/bin/python -m pytest tests/hostile/test_audit_verifier_input.py
	for run in 1 2 3 4 5 6 7 8 9 10; do ENCLAVE_NEW_EXAMPLES=1 $(VENV)/bin/python -m pytest -m hypothesis tests/unit tests/hostile || exit 1; done
	ENCLAVE_TABLES=1000 ENCLAVE_DIFFERENCING_CASES=300 $(VENV)/bin/python -m pytest tests/unit/egress/test_hierarchies.py tests/unit/egress/test_differencing.py
	ENCLAVE_SEQUENCES=100 $(VENV)/bin/python -m pytest -s tests/hostile/test_egress_joint.py
	ENCLAVE_HOSTILE=all ENCLAVE_CORPUS=all $(VENV)/bin/python -m pytest -s tests/hostile/test_egress_hostile_files.py tests/hostile/test_egress_corpus.py
	$(MAKE) .acro-venv/.ready && ENCLAVE_ACRO=1 $(VENV)/bin/python -m pytest tests/hostile/test_egress_acro.py
	$(SUDO) env ENCLAVE_ISOLATION=bubblewrap $(VENV)/bin/python -m pytest tests/flow/test_journey.py
	$(SUDO) $(VENV)/bin/python -m tests.boundaries
	@[ ! -x .spark-venv/bin/python ] || $(MAKE) spark-test SPARK=all ARGS=

docs: $(VENV)/.dev ## write the generated reference pages
	$(VENV)/bin/python docs/generate.py

verify.pyz: $(VENV)/.runtime ## build the auditor's offline verifier, one file
	@$(VENV)/bin/audit verifier -o $@

clean: ## remove environments and caches; the demo's data in .enclave stays
	rm -rf .venv .spark-venv .acro-venv .tools .demo-data-venv .wheelhouse .mypy_cache .ruff_cache .pytest_cache

$(UV): locks/uv.lock
	@.ci/host-packages python3-venv
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.lock

# The test environment holds all of the runtime's: where it is fresh, a demo needs no other.
$(VENV)/.runtime: locks/runtime.lock pyproject.toml | $(UV)
	@[ -x $(VENV)/bin/python ] || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@[ $(VENV)/.dev -nt locks/dev.lock ] || $(UV) pip sync --quiet --python $(VENV)/bin/python --require-hashes locks/runtime.lock
	@$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.lock pyproject.toml | $(UV)
	@[ -x $(VENV)/bin/python ] || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --python $(VENV)/bin/python --require-hashes locks/dev.lock
	@$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e . -e images/researcher/enclave_client
	@touch $@ $(VENV)/.runtime

.spark-venv/.ready: locks/spark.lock locks/dev.lock pyproject.toml | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) .spark-venv
	@$(UV) pip sync --quiet --python .spark-venv/bin/python --require-hashes locks/spark.lock locks/dev.lock
	@$(UV) pip install --quiet --python .spark-venv/bin/python --no-deps --no-build-isolation -e . -e images/researcher/enclave_client
	@touch $@

.acro-venv/.ready: locks/acro.lock | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) .acro-venv
	@$(UV) pip sync --quiet --python .acro-venv/bin/python --require-hashes locks/acro.lock
	@touch $@

.demo-data-venv/.ready: locks/demo-data.lock | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) .demo-data-venv
	@$(UV) pip sync --quiet --python .demo-data-venv/bin/python --require-hashes locks/demo-data.lock
	@touch $@
