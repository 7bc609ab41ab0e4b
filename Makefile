# make demo: install, build the lab models, audit them, write a report. make test: install, run every test.
# Both need Linux, Python 3.11 or newer and about 5 GB; nothing is installed outside .venv (but see `browser`).

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Three files of tests at a time on two cores, for a server that starts waits half of the time; the longest files begin first.
PYTEST_ARGS ?= -n 3 --no-loadscope-reorder

# Telemetry and hub look-ups have no place in a test; the models are all at hand.
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false
export VLLM_NO_USAGE_STATS = 1
export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true

# Demo and tests start dozens of processes; each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check pythons install browser format lab site bench clean

demo: install            ## the main job on the lab models; ends with the path of the report
	$(BIN)/audit demo $(if $(OUT),--out $(OUT))

test: install browser    ## everything CI runs
	$(MAKE) --no-print-directory --jobs 2 --output-sync check lab
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: install           ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

pythons: install         ## the bare package on every Python found: install, import, score; resolve it for the others
	$(BIN)/python -m benchmarks.install

install: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; name another with PYTHON=…" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (a few minutes, about 5 GB) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	grep -v '^torch==' constraints.txt > $(VENV)/pinned.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(VENV)/pinned.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

browser:                 ## headless Chromium for the report's tests, from the distribution's packages
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { echo "Installing chromium …"; SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

lab: install             ## train the lab models
	$(BIN)/audit lab build

site: install            ## the documentation as a site, in .site; warnings are errors
	$(BIN)/python docs/command_pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: install
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean:
	rm -rf $(VENV) dist .site .pytest_cache .mypy_cache .ruff_cache
