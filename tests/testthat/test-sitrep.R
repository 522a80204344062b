# The report on an installation: its facts are those of this session, its remedies those of a
# broken one.

test_that("the report tells this session's versions", {
  config_backend() # which loads Keras
  sitrep <- kerasbridge_sitrep()
  expect_identical(sitrep$r$version, as.character(getRversion()))
  expect_identical(sitrep$backend$chosen, config_backend())
  expect_identical(sitrep$backend$loaded, config_backend())
  packages <- sitrep$packages
  expect_identical(packages$installed[packages$package == "keras"], keras$`__version__`)
  expect_identical(nrow(sitrep$problems), 0L)
  shown <- capture.output(print(sitrep))
  expect_in(c("-- R", "-- Python", "-- Backend", "-- Problems", "none found"), shown)
})

# A session in its own process, with these variables, that looks at itself.
report <- function(variables, start = TRUE) {
  callr::r(
    function(start) {
      library(kerasbridge)
      utils::capture.output(shown <- print(kerasbridge_sitrep(start = start)))
      unclass(shown)[c("python", "backend", "problems")]
    },
    list(start),
    env = c(callr::rcmd_safe_env(), variables), timeout = 120
  )
}

# A virtual environment of this session's Python that has nothing installed.
python_without_packages <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  base <- reticulate::py_to_r(reticulate::import("sys", convert = FALSE)$`_base_executable`)
  withr::with_envvar(c(LD_LIBRARY_PATH = NA), {
    processx::run(base, c("-m", "venv", "--without-pip", folder))
  })
  file.path(folder, "bin", "python")
}

test_that("a Python without Keras is named, with what installs it", {
  bare <- python_without_packages()
  found <- report(c(RETICULATE_PYTHON = bare, KERAS_BACKEND = "jax"))
  expect_match(found$problems$what[[1L]], "This Python has no Keras", fixed = TRUE)
  expect_match(found$problems$what[[2L]], "lacks jax, the chosen backend", fixed = TRUE)
  expect_match(found$problems$remedy[[1L]], "install_keras(backend = \"jax\")", fixed = TRUE)
})

test_that("a Python that is not there is named, with what mends it", {
  found <- report(c(RETICULATE_PYTHON = "/no/such/python"))
  expect_identical(found$python$started, FALSE)
  expect_match(found$problems$what, "Python does not start", fixed = TRUE)
  expect_match(found$problems$remedy, "RETICULATE_PYTHON", fixed = TRUE)
})

# What the first use of Keras ends in, in a process with these variables.
first_use <- function(variables) {
  callr::r(
    function() {
      library(kerasbridge)
      use_backend("jax")
      condition <- tryCatch(op_ones(2), error = identity)
      list(class = class(condition), message = cli::ansi_strip(conditionMessage(condition)))
    },
    env = c(callr::rcmd_safe_env(), variables), timeout = 120
  )
}

test_that("the first use of Keras ends in one condition that says what mends it", {
  bare <- python_without_packages()
  no_keras <- first_use(c(RETICULATE_PYTHON = bare))
  expect_in(c("kerasbridge_installation_error", "kerasbridge_error"), no_keras$class)
  expect_match(no_keras$message, "This Python has no Keras", fixed = TRUE)
  expect_match(no_keras$message, "install_keras(backend = \"jax\")", fixed = TRUE)

  no_python <- first_use(c(RETICULATE_PYTHON = "/no/such/python"))
  expect_in("kerasbridge_installation_error", no_python$class)
  expect_match(no_python$message, "/no/such/python", fixed = TRUE)
  expect_match(no_python$message, "Sys.unsetenv(\"RETICULATE_PYTHON\")", fixed = TRUE)
})

test_that("a uv that this reticulate cannot use is named, with the pairs that work", {
  uv <- withr::local_tempfile(lines = c("#!/bin/sh", "echo uv 0.13.9"))
  Sys.chmod(uv, "0755")
  withr::local_envvar(RETICULATE_UV = uv, RETICULATE_PYTHON = NA)
  old <- utils::packageVersion("reticulate") < "1.47"
  expect_identical(unsuited_uv(), old)
  writeLines(c("#!/bin/sh", "echo uv 0.6.3"), uv)
  expect_identical(unsuited_uv(), FALSE)
})

test_that("without a start, nothing is started", {
  found <- report(character(), start = FALSE)
  expect_identical(found$python$started, FALSE)
  expect_null(found$backend$loaded)
  expect_error(kerasbridge_sitrep("yes"), "start", class = "kerasbridge_error")
})
