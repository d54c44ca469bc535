# One target a habit. The first one sets up .venv; nothing else is installed anywhere.
#   make demo                 a simulated head, its susceptibility map and a report to open
#   make demo-real            the same for a real head, from the scanner's DICOM files
#   make test                 every test
#   make check                what a change must pass: test, lint, types, imports
# PYTHON chooses the interpreter, TORCH_INDEX the package index that torch comes from: empty, it is
# pip's own, whose build of torch is for CUDA on Linux; PyTorch's installation page names others.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
TORCH_INDEX ?=
VENV := .venv
DEMO := demo
DEMO_REAL := demo-real
SITE := docs/_build

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install demo demo-real test test-fast fuzz faults lint format types imports check dist try-dist audit bench speed papers docs gallery descriptor docker clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up .venv with the pinned packages

$(INSTALLED): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "qsmbids needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) -e ".[dev]"
	@touch $@

$(DEMO)/.simulated: | $(INSTALLED)
	$(BIN)/qsmbids-demo $(DEMO)/bids
	@touch $@

demo: $(DEMO)/.simulated ## simulate a head, map it, print the report's path
	$(BIN)/qsmbids $(DEMO)/bids $(DEMO)/out participant -w $(DEMO)/work
	@echo "Open $(abspath $(DEMO))/out/$$(cd $(DEMO)/out && ls sub-*.html | head -n 1)"

$(DEMO_REAL)/.converted: | $(INSTALLED)
	@rm -rf $(DEMO_REAL)/bids
	$(BIN)/qsmbids-dicom tests/data/real-head/siemens3T-gre.tar.gz $(DEMO_REAL)/bids
	@touch $@

demo-real: $(DEMO_REAL)/.converted ## map a real head from its DICOM files, print the report's path
	$(BIN)/qsmbids $(DEMO_REAL)/bids $(DEMO_REAL)/out participant --input fmap -w $(DEMO_REAL)/work
	@echo "Open $(abspath $(DEMO_REAL))/out/sub-01.html"

test: $(INSTALLED) ## run every test, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Small arrays gain nothing from a second thread, and threads of several workers wait for each other.
test-fast: $(INSTALLED) ## run the tests that take seconds, side by side, a thread each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto

MINUTES ?= 10
fuzz: $(INSTALLED) ## try hostile input for MINUTES, with new seeds; prints what was tried and what broke
	PYTHONPATH=tests/helpers $(BIN)/python -W ignore -m tests.hostile.fuzz --minutes $(MINUTES)

faults: $(INSTALLED) ## kill, starve and disturb runs in every way; prints what was tried and survived
	PYTHONPATH=tests/helpers $(BIN)/python -m tests.faults.matrix

lint: $(INSTALLED) ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED) ## mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(INSTALLED) ## check the types
	$(BIN)/mypy

imports: $(INSTALLED) ## check that the arrows between the packages point one way
	$(BIN)/lint-imports

check: test lint types imports ## all of the above

dist: $(INSTALLED) ## build wheel and source archive of the last commit into dist/
	$(BIN)/python -m release.build

WHEELS ?=
try-dist: dist ## install the wheel into a clean environment, from the folder WHEELS if given, use and test it
	release/try.sh --python $(BIN)/python $(if $(WHEELS),--wheels $(WHEELS)) dist

audit: $(INSTALLED) ## look for known vulnerabilities, write the bill of materials dist/qsmbids.cdx.json
	$(PYTHON) -m venv .cache/audit
	.cache/audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	mkdir -p dist
	.cache/audit/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o dist/qsmbids.cdx.json $(BIN)/python
	.cache/audit/bin/pip-audit --path $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))") --skip-editable

bench: $(INSTALLED) ## print the figures, a script each
	@for name in chain brain_masks background methods uncertainty; do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

speed: $(INSTALLED) ## print speed and memory of every stage and method
	$(BIN)/python -m benchmarks.speed

papers: $(INSTALLED) ## make the papers' tables again, docs/results
	@for table in cosmos challenge "trainings augmentation" "trainings training-data" "trainings domains"; do \
	  $(BIN)/python -m benchmarks.papers.$$table || exit 1; done

docs: $(INSTALLED) ## build the site, check its links, print its path
	$(BIN)/python -m sphinx --quiet --fail-on-warning --fresh-env docs $(SITE)
	$(BIN)/python -m docs.tools.links $(SITE)
	@echo "Open $(abspath $(SITE))/index.html"

gallery: demo-real ## make the gallery's pictures of right and wrong maps again
	$(BIN)/python -m docs.tools.gallery $(DEMO_REAL)/out

descriptor: $(INSTALLED) ## write the Boutiques descriptor from the parser
	$(BIN)/python -m docs.tools.descriptor

docker: ## build the container image for the CPU, or with DEVICE=cuda
	docker build $(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) $(if $(DEVICE),--build-arg DEVICE=$(DEVICE)) \
	  --build-arg REVISION=$$(git rev-parse HEAD) -t qsmbids .

clean: ## remove what the targets above made
	rm -rf .venv demo demo-real $(SITE) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find qsmbids tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
