# `make demo` and `make test` do all the set-up that they need by themselves.

SHELL := bash
.DELETE_ON_ERROR:

# R finds this checkout's package first, and embeds this checkout's Python.
export RETICULATE_PYTHON := $(CURDIR)/.venv/bin/python
export R_LIBS := $(CURDIR)/.r-lib
export TF_CPP_MIN_LOG_LEVEL := 3
# Parts of the tests share the cores: a thread that waits for another one leaves them to others.
export OMP_WAIT_POLICY := passive
# Most of what JAX would take is compiling what then runs once, a little faster; and the same again, for
# each process and each function. Each target keeps what is compiled in a folder of its own, so that
# targets at the same time do not read what another one is just writing.
COMPILING := test-r-jax site check-cran
$(COMPILING): export XLA_FLAGS := \
  --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true
$(COMPILING): export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/.check/jax/$@
$(COMPILING): export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
$(COMPILING): export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1

BIN := .venv/bin
BACKENDS := tensorflow jax torch numpy
# Folders are among the sources, so that removing a file counts as a change.
SOURCES := DESCRIPTION NAMESPACE $(shell find R inst man src -name __pycache__ -prune -o -not -name "*.o" -not -name "*.so" -print)

.PHONY: setup install demo test test-py test-keras-oldest test-r test-install test-newest test-exports
.PHONY: test-crossing test-scale
.PHONY: vignettes vignettes-all examples check check-cran site urls
.PHONY: lint format document generate bench clean

setup:
	@tools/setup

install: setup .r-lib/.installed

.r-lib/.installed: $(SOURCES)
	R CMD INSTALL --library=.r-lib . && touch $@

demo: BACKEND ?= jax
demo: install
	BACKEND=$(BACKEND) Rscript examples/demo.R

# The parts are independent of each other: three at a time, the longest first. A third keeps two cores at
# work while the others wait for what they have started; a fourth gains nothing.
test: install
	$(MAKE) -j3 --keep-going --output-sync=target $(TESTS)

# `check-cran` renders every vignette on JAX, and `site` every article as well.
# What several of them need comes first, and those that need it only when it is there: make does not come
# back to a part that waits before it has begun all others.
TESTS := .venv-exports/.installed test-r-jax test-r-tensorflow test-r-torch test-py site check-cran test-r-numpy
TESTS += .venv-oldest/.installed vignettes-torch vignettes-tensorflow test-exports test-install lint examples
TESTS += test-keras-oldest

test-py: install
	PYTHONPATH=inst/python $(BIN)/pytest -q

# The binding against the oldest Keras that is supported, in an environment of its own.
test-keras-oldest: .venv-oldest/.installed
	KERAS_BACKEND=jax PYTHONPATH=inst/python:. .venv-oldest/bin/pytest -q tests/python/test_keras_versions.py

.venv-oldest/.installed: constraints.txt | setup
	$(BIN)/python -m venv .venv-oldest
	grep -v '^keras==' constraints.txt > .venv-oldest/constraints.txt
	.venv-oldest/bin/pip install -q -c .venv-oldest/constraints.txt keras==3.12.0 jax scipy pytest hypothesis
	touch $@

# What models are exported to, in the programs that run it: in an environment of their own, which has
# what .venv has as well. There, too, is scikit-learn, which Keras imports wherever it is installed: a
# second of each of the tests' processes. The articles take their pictures of digits from it.
WITH_MORE := RETICULATE_PYTHON=$(CURDIR)/.venv-exports/bin/python
EXPORTS := $(WITH_MORE) Rscript tests/exports/run.R
test-exports: install .venv-exports/.installed
	for backend in $(or $(BACKEND),$(BACKENDS)); do KERAS_BACKEND=$$backend $(EXPORTS) || exit 1; done

.venv-exports/.installed: tests/exports/requirements.txt constraints.txt | setup
	$(BIN)/python -m venv --clear --without-pip .venv-exports
	for lib in .venv/lib/python*/site-packages; do \
	  echo "$(CURDIR)/$$lib" > .venv-exports/$${lib#.venv/}/main.pth; \
	done
	.venv-exports/bin/python -m pip install -q -c constraints.txt -r $<
	touch $@

# Several processes, killed many times and in several numbers, and the benchmarks that start many of
# them: long, and not part of `make test`.
test-scale: install
	cd tests/testthat && for backend in $(or $(BACKEND),jax torch); do \
	  NOT_CRAN=true KERAS_BACKEND=$$backend KERASBRIDGE_KILLS=20 KERASBRIDGE_PROCESSES=2,4 KERASBRIDGE_BENCHES=all \
	    Rscript -e 'library(kerasbridge); for (file in c("test-launch.R", "test-bench.R"))' \
	    -e 'testthat::test_file(file, package = "kerasbridge", stop_on_failure = TRUE)' || exit 1; \
	done

# The way of those who have no checkout: a tarball, a library, and an environment that uv makes.
test-install: setup
	tests/install/run $(TRAINERS)

# The newest R that Debian has, in a folder that root makes: not among the tests that everybody can run.
test-newest: setup
	BACKEND=$(or $(BACKEND),jax) tests/newest/run check

# Each backend has a process of its own; BACKEND=... runs one of them only. A suite that hangs is
# ended, and begun once more.
test-r: $(addprefix test-r-,$(or $(BACKEND),$(BACKENDS)))

test-r-%: install
	cd tests && for try in 1 2; do \
	  NOT_CRAN=true KERAS_BACKEND=$* timeout 5200 Rscript testthat.R; status=$$?; \
	  if [ $$status -ne 124 ]; then exit $$status; fi; \
	done; exit 124

# R and Python in each other, at random and for long: not part of `make test`.
test-crossing: $(addprefix test-crossing-,$(or $(BACKEND),$(BACKENDS)))

test-crossing-%: install
	cd tests/testthat && NOT_CRAN=true KERAS_BACKEND=$* KERASBRIDGE_NESTINGS=10000 KERASBRIDGE_RUNS=100 \
	  KERASBRIDGE_HOPS=50000 KERASBRIDGE_INTERRUPTS=100 Rscript -e 'library(kerasbridge)' \
	  -e 'for (file in paste0("test-", c("crossing", "train-interrupt"), ".R"))' \
	  -e 'testthat::test_file(file, package = "kerasbridge", stop_on_failure = TRUE)'

# Those about backends are rendered on each, the others on JAX; `vignettes-all` renders every one on each.
ABOUT_BACKENDS := three-frameworks custom-train-step training-loops custom-layers several-devices debugging install
TRAINERS := $(or $(BACKEND),$(filter-out numpy,$(BACKENDS)))
RENDER = $(WITH_MORE) KERAS_BACKEND=$* tools/vignettes .check/vignettes/$*

vignettes: $(addprefix vignettes-,$(TRAINERS))
vignettes-%: install .venv-exports/.installed
	$(RENDER) $(if $(filter jax $(BACKEND),$*),,$(ABOUT_BACKENDS))

vignettes-all: $(addprefix vignettes-all-,$(TRAINERS))
vignettes-all-%: install .venv-exports/.installed
	$(RENDER)

# What every help page shows. In the check for CRAN, which knows no Keras, they run nothing.
examples: export KERAS_BACKEND := $(or $(BACKEND),tensorflow)
examples: install
	tools/examples

# What `check-cran` checks, with Keras at hand, and so the examples again: not part of `make test`.
# Tests and vignettes have targets of their own, which run them on every backend.
CHECK := args = c("--no-manual", "--no-tests", "--ignore-vignettes"), build_args = "--no-build-vignettes"
check: export KERAS_BACKEND := $(or $(BACKEND),tensorflow)
check: setup
	Rscript -e 'rcmdcheck::rcmdcheck($(CHECK), check_dir = ".check/package", error_on = "warning")'

# The same package as CRAN would see it: without Python, without a network, its vignettes built before.
check-cran: install
	KERAS_BACKEND=jax tests/cran/run

# Are the addresses in help pages and documents still there? Whatever can be reached is asked.
urls: setup
	$(BIN)/python -m tools.links | Rscript tools/urls.R

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/hadolint tools/docker/Dockerfile
	LINTR_ERROR_ON_LINT=true Rscript -e 'lintr::lint_dir()'

# The site, into an ignored folder; then its links, and some of its pages in a browser.
site: install .venv-exports/.installed
	$(WITH_MORE) KERAS_BACKEND=jax tools/site .check/site
	$(BIN)/pytest -q tests/site

format: setup
	$(BIN)/ruff check --fix --select I . && $(BIN)/ruff format .

document: setup
	Rscript -e 'roxygen2::roxygenise()'

generate: setup
	PYTHONPATH=inst/python:. $(BIN)/python -m tools.wrappers

# One backend after the other, and then the table of them all.
bench: export KERASBRIDGE_BENCH_OUT := $(CURDIR)/.check/bench
bench: install
	mkdir -p $(KERASBRIDGE_BENCH_OUT)
	for backend in $(or $(BACKEND),$(filter-out numpy,$(BACKENDS))); do \
	  for script in $(filter-out bench/measure.R bench/table.R,$(wildcard bench/*.R)); do \
	    KERAS_BACKEND=$$backend Rscript $$script || exit 1; \
	  done; \
	done
	Rscript bench/table.R $(README)

# Leaves .venv, which takes minutes to make.
clean:
	rm -rf .r-lib .check .hypothesis .*_cache examples/output *.Rcheck *.tar.gz
