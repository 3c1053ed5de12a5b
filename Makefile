PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEE := $(BIN)/wee

# What `make figures` draws: the embedded images, DATASET=cifar10 from the logits in experiments/cifar10, or
# another data set and family once its logits are in the store.
DATASET ?= digits
ifeq ($(DATASET),cifar10)
FAMILY ?= cifar_resnet
STORE ?= experiments/cifar10/store
TASKS ?= [cov@2,cov@5,risk@80,risk@95]
FIGURES ?= teaser sc scod ood policy window hypervolume validation_size certified across_sizes members reliability adjustment $(MSDNET) latency_figure tables
INTERVALS ?= bootstrap.resamples=5000
SC ?= 'task.metrics=[accuracy,aurc]' $(INTERVALS)
SCOD ?= 'task.metrics=[]' $(INTERVALS)
OOD ?= 'task.metrics=[auroc]' $(INTERVALS)
# Each size by itself, and every pair and triple of sizes, the smaller network first; of more than two members at each size,
# eight choices of members are drawn for each lineup of sizes.
ACROSS ?= [[w16],[w24],[w40],[w56],[w80],[w16,w24],[w16,w40],[w16,w56],[w16,w80],[w24,w40],[w24,w56],[w24,w80],[w40,w56],$\
[w40,w80],[w56,w80],[w16,w24,w40],[w16,w24,w56],[w16,w24,w80],[w16,w40,w56],[w16,w40,w80],[w16,w56,w80],[w24,w40,w56],$\
[w24,w40,w80],[w24,w56,w80],[w40,w56,w80]]
# The sizes for which the store has four members on every OOD set, such as [w16,w24], and these members and sets.
WITH_OOD ?= [$(shell echo $(sort $(notdir $(patsubst %/3/,%,$(dir $(wildcard \
	$(STORE)/$(DATASET)/$(FAMILY)/*/3/ood-digits32-*))))) | tr ' ' ',')]
# The sizes that have four members.
WITH_FOUR ?= [$(shell echo $(sort $(notdir $(patsubst %/3/,%,$(dir $(wildcard $(STORE)/$(DATASET)/$(FAMILY)/*/3/val-*))))) | tr ' ' ',')]
OODS ?= 'scale=$(WITH_OOD)' ensemble.members=4 'ood=[objects32,digits32,photos32,noise32]'
TIMES ?= experiments/cifar10/latency.csv
LATENCY ?= record=false
JOBS ?= 2
EXITS ?= msdnet_cifar
MSDNET := $(if $(wildcard $(STORE)/$(DATASET)/$(EXITS)),msdnet)
EXITS_METRICS ?= 'task.metrics=[accuracy]' $(INTERVALS)
else
FAMILY ?= tiny
STORE ?= outputs/store
TASKS ?= [cov@5,cov@10,risk@50,risk@80]
FIGURES ?= teaser sc scod ood policy window size msdnet hypervolume latency_figure
TIMES ?= outputs/latency/$(NAME).csv
JOBS ?= 1
endif
EXITS ?= msdnet_small
SIZED ?= [s1,s2,s3]
TIMED ?= [cov@5]
NAME = $(DATASET)-$(FAMILY)
# Has each of several jobs print what it says in one piece, where make can do that.
SYNCED = $(if $(filter output-sync,$(.FEATURES)),-O)
SETTINGS = +experiment=$@ dataset=$(DATASET) family=$(FAMILY) paths.store=$(STORE)
SWEEP = $(WEE) sweep $(SETTINGS)
DRAW = $(WEE) figure figure=$@ sweeps=$@-$(NAME) name=$@-$(NAME)

.DEFAULT_GOAL := help
.PHONY: help install demo demo_figure demo_page figures bench test docs doctest notebooks dist longtest faults fuzz browser slurm prerelease lint lock audit format clean logits latency
.PHONY: teaser sc scod ood policy window size msdnet hypervolume validation_size certified across_sizes members reliability adjustment latency_figure tables

help:  ## list these targets
	@grep -E '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}' \
		| sed -E 's/make teaser policy window/make NAME     /'

install: $(VENV)/.installed  ## a .venv with wee and its tools, at the versions that CI runs

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	$(BIN)/python -m compileall -q wee hydra_plugins  # as pip does for all packages that are not editable
	touch $@

demo: install  ## the whole path on embedded images: train, evaluate, sweep, draw, explore
	$(WEE) train
	$(WEE) evaluate
	$(WEE) sweep +experiment=demo
	$(MAKE) --no-print-directory -j2 $(SYNCED) demo_figure demo_page

demo_figure demo_page:
	$(WEE) $(if $(filter demo_page,$@),explore,figure) sweeps=demo name=demo

figures: install  ## every figure, from the embedded images; DATASET=cifar10: from photographs' logits, without images
	$(MAKE) --no-print-directory -j$(JOBS) $(SYNCED) $(FIGURES)

teaser policy window: logits  ## one figure: teaser, sc, scod, ood, policy, window, hypervolume, validation_size or certified
	$(SWEEP)
	$(DRAW)

sc hypervolume: logits
	$(SWEEP) 'task.names=$(TASKS)' $(if $(filter sc,$@),$(SC))
	$(DRAW) 'figure.panels=$(TASKS)'

scod: logits
	$(SWEEP) $(SCOD)
	$(DRAW)

ood: logits
	$(SWEEP) $(OOD)
	$(DRAW)

validation_size: logits
	$(SWEEP)
	$(if $(filter-out [],$(WITH_FOUR)),$(SWEEP) 'scale=$(WITH_FOUR)' ensemble=quartet ensemble.orders=4 'task.names=[cov@5]' name=$@_four-$(NAME))
	$(DRAW)

certified: logits
	$(SWEEP) $(INTERVALS)
	$(WEE) sweep -m $(SETTINGS) guarantee.seed=0,1,2,3,4,5,6,7,8,9 name=certified_splits-$(NAME)
	$(DRAW)

across_sizes: logits  ## cascades of networks of different sizes, in one sweep
	$(SWEEP) 'ensemble.scales=$(ACROSS)' ensemble.max_cascades=8 bootstrap.resamples=600
	$(BIN)/python experiments/$(DATASET)/across_sizes.py

reliability: logits  ## improvements by ensembles and cascades beside larger single models, on shifted and OOD sets
	$(BIN)/python experiments/$(DATASET)/reliability.py --store $(STORE)

adjustment: logits  ## windows adjusted to streams with several shares of OOD data
	$(SWEEP) $(OODS)
	$(SWEEP) $(OODS) score=energy 'task.names=[fpr@95]' name=adjustment_ood-$(NAME)
	$(BIN)/python experiments/$(DATASET)/adjustment.py

members: logits  ## what a second, third and fourth member bring and cost
	$(BIN)/python experiments/$(DATASET)/members.py

# Times depend on the machine, so they are measured when asked for; the figure is drawn from what was measured.
latency: sc  ## time networks, ensembles and cascades on this machine, into a CSV file
	$(WEE) latency dataset=$(DATASET) family=$(FAMILY) sweeps=sc-$(NAME) 'settings.tasks=$(TIMED)' \
		paths.store=$(STORE) paths.latency=$(patsubst %/,%,$(dir $(TIMES))) name=$(basename $(notdir $(TIMES))) $(LATENCY)

latency_figure: sc
ifneq ($(wildcard $(TIMES)),)
	$(WEE) figure figure=latency sweeps=sc-$(NAME) name=latency-$(NAME) 'figure.panels=$(TIMED)' figure.times=$(TIMES)
else
	@echo "there are no times in $(TIMES), so figure=latency is left out; measure them: make latency DATASET=$(DATASET)"
endif

tables: sc scod ood validation_size certified across_sizes members reliability adjustment $(MSDNET)
	$(BIN)/python experiments/$(DATASET)/tables.py deployment README validation_size across_sizes reliability adjustment members $(MSDNET) \
		--into 'outputs/figures/{page}-$(NAME).md'

size: logits  ## cascades of one to four members
ifeq ($(DATASET),digits)
	$(WEE) train ensemble=quartet family=$(FAMILY) 'scale=$(SIZED)'
	$(WEE) evaluate ensemble=quartet family=$(FAMILY) 'scale=$(SIZED)' ood=none
endif
	$(WEE) sweep -m +experiment=$@ dataset=$(DATASET) family=$(FAMILY) 'scale=$(SIZED)' ensemble.size=2,3,4
	$(WEE) figure figure=$@ 'sweeps=outputs/sweeps/$@-$(NAME)/*' name=$@-$(NAME)

msdnet: install  ## cascades of the exits of a multi-exit network
ifeq ($(DATASET),digits)
	$(WEE) train family=$(EXITS)
	$(WEE) evaluate family=$(EXITS) ood=none
endif
	$(WEE) sweep +experiment=$@ dataset=$(DATASET) family=$(EXITS) paths.store=$(STORE) $(EXITS_METRICS)
	$(WEE) figure figure=$@ sweeps=$@-$(DATASET)-$(EXITS) name=$@-$(DATASET)-$(EXITS)

logits: install
ifeq ($(DATASET),digits)
	$(WEE) train family=$(FAMILY)
	$(WEE) evaluate family=$(FAMILY)
endif

bench: install  ## how fast, against baselines timed in the same run (2 GB in outputs/bench); SCALE=scaling: larger sweeps
	$(BIN)/python -m benchmarks $(SCALE)

# Tests that take minutes have a target of their own: pages, examples, commands in several processes, simulated guarantees.
FAULTS := tests/faults tests/fuzz
LONG := tests/experiments tests/examples tests/lit/test_processes.py tests/lit/test_compile.py tests/lit/test_tracking.py tests/cascade/test_guarantees_hold.py \
	tests/sweep/test_workers.py tests/sweep/test_rounding.py tests/commands/test_plugins.py tests/commands/test_latency.py \
	tests/commands/test_store.py tests/commands/test_doctor.py tests/doctor

# What needs the demo, Sphinx or many processes; the test of the reference is quick, and belongs to `make test` as well.
PAGES := $(filter-out tests/docs/test_reference.py,$(wildcard tests/docs/test_*.py))

test: install  ## run the tests
	$(BIN)/pytest -n 2 --dist worksteal $(addprefix --ignore=,$(LONG) $(PAGES) $(FAULTS) tests/browser tests/cluster)

# MLflow and W&B are large, and nothing else needs them.
$(VENV)/.loggers: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[mlflow,wandb]'
	touch $@

longtest: install $(VENV)/.loggers  ## run the tests that take minutes: pages, examples, several processes, simulated guarantees
	$(BIN)/pytest -n 2 --dist worksteal $(LONG)

# The reference is made from the code, so every page is read anew (-E), and a warning is an error (-W).
docs: install  ## build the documentation as a site, into outputs/docs
	$(BIN)/sphinx-build -E -W --keep-going --quiet -b html -c docs -d outputs/doctrees . outputs/docs

doctest: install $(VENV)/.loggers  ## run every command, example and notebook on the pages; check every link; DEMO=. takes what make demo made
	$(BIN)/pytest -n 2 --dist worksteal tests/docs

notebooks: install  ## run the notebooks, and keep what they print
	$(BIN)/python docs/_site/execute.py

dist: install  ## build the wheel and the sdist, check them, and try the wheel in a new environment; FULL=1 with its packages
	rm -rf dist
	test -x $(VENV)/release/bin/twine || { $(PYTHON) -m venv $(VENV)/release && \
		$(VENV)/release/bin/pip install --quiet build==1.6.1 twine==7.0.0; }
	$(VENV)/release/bin/python -m build
	$(VENV)/release/bin/twine check --strict dist/*
	$(BIN)/python tests/helpers/release.py dist $(if $(FULL),--full)

# Not in parallel: the tests start servers that fork a process for each command, and use two processors themselves.
faults: install  ## kill, fill, damage and share: KILLS=300 kills at random moments, FLIPS bytes in each file, SEED=1
	KILLS=$(or $(KILLS),40) FLIPS=$(or $(FLIPS),1) SEED=$(or $(SEED),0) $(BIN)/pytest -n 0 tests/faults

fuzz: install  ## bad input of every kind: CASES=2000 cases, drawn from SEED=1
	CASES=$(or $(CASES),300) SEED=$(or $(SEED),0) $(BIN)/pytest -n 0 tests/fuzz

browser: install  ## run the tests of the explorer's page in a headless browser (packages chromium, chromium-driver)
	$(BIN)/pytest -n 0 -rs tests/browser

slurm: install  ## run the tests on a real SLURM of one node (packages slurmctld, slurmd, slurm-client, munge)
	$(BIN)/pytest -rs tests/cluster

lint: install  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# CI takes torch and torchvision from another index, without CUDA: their hashes are not those of PyPI, and CUDA is not needed.
CUDA := triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc cuda-runtime \
	cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --all-extras --python-version 3.11 --python-platform linux \
	--no-annotate --custom-compile-command 'make lock' $(addprefix --no-emit-package ,$(CUDA))

lock: install  ## write the versions that CI runs into constraints.txt, with hashes into .github/locked.txt; UPGRADE='numpy timm'
	$(BIN)/pip install --quiet uv==0.13.9
	$(COMPILE) $(addprefix --upgrade-package ,$(UPGRADE)) --output-file constraints.txt
	$(COMPILE) --constraint constraints.txt --generate-hashes --no-emit-package torch --no-emit-package torchvision \
		--output-file .github/locked.txt

audit:  ## report known vulnerabilities of the locked versions
	test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit==2.10.1; }
	$(VENV)/audit/bin/pip-audit --requirement .github/locked.txt --disable-pip

HYDRA_TESTS := tests/test_cli.py tests/test_conf.py tests/app tests/hydra_plugins tests/commands/test_plugins.py \
	tests/commands/test_pipeline.py tests/commands/test_sweep.py tests/sweep/test_config.py

# Hydra and OmegaConf alone are replaced, in a folder that is searched before the .venv.
NEXT := $(VENV)/next

prerelease: install  ## try the newest Hydra and OmegaConf, release candidates included; report, and do not fail
	rm -rf $(NEXT)
	-$(BIN)/pip install --quiet --pre --no-deps --target $(NEXT) hydra-core omegaconf && \
		PYTHONPATH=$(CURDIR)/$(NEXT) $(BIN)/pytest -n 2 --dist worksteal --disable-warnings $(HYDRA_TESTS)

format: install  ## put the code into the house style
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

clean:  ## remove the .venv, caches and what runs wrote
	rm -rf $(VENV) outputs .pytest_cache .mypy_cache .ruff_cache .hypothesis
