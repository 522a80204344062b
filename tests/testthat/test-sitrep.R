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

# What the first use of Keras ends in, in a process with these variables: a condition, with the
# problems that the report then names.
first_use <- function(variables, gpu = NA) {
  callr::r(
    function(gpu) {
      library(kerasbridge)
      told <- character()
      condition <- withCallingHandlers(
        tryCatch({
          use_backend("jax", gpu = gpu)
          op_ones(2)
          NULL
        }, error = identity),
        warning = \(w) told <<- c(told, class(w)[[1L]], cli::ansi_strip(conditionMessage(w)))
      )
      list(
        class = class(condition), warned = told,
        message = if (!is.null(condition)) cli::ansi_strip(conditionMessage(condition)),
        backend = if (is.null(condition)) config_backend(),
        problems = kerasbridge_sitrep()$problems
      )
    },
    list(gpu),
    env = c(callr::rcmd_safe_env(), variables), wd = tempdir(), timeout = 120
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

# What does not depend on the backend is set up once, in sessions that choose JAX.
on_backend("jax", {
  test_that("a Keras that is no longer supported is refused, with what is needed", {
    old <- file.path(dirname(dirname(Sys.getenv("RETICULATE_PYTHON"))), "unsupported")
    skip_if_not(dir.exists(old), "the environment that tools/setup makes")
    python <- python_without_packages()
    packages <- Sys.glob(file.path(dirname(dirname(python)), "lib", "python*", "site-packages"))
    current <- dirname(dirname(keras$`__file__`))
    writeLines(c(old, current), file.path(packages, "both.pth"))
    refused <- first_use(c(RETICULATE_PYTHON = python))
    expect_in("kerasbridge_installation_error", refused$class)
    expect_match(refused$message, "Keras 3.11.3 is too old: 3.12 is needed.", fixed = TRUE)
    expect_match(refused$message, "install_keras(backend = \"jax\")", fixed = TRUE)
    expect_identical(refused$problems$what, "Keras 3.11.3 is too old: 3.12 is needed.")
  })

  test_that("an environment of conda's is named where conda is not found", {
    python <- python_without_packages()
    history <- file.path(dirname(dirname(python)), "conda-meta", "history")
    dir.create(dirname(history))
    writeLines("==> 2026-01-01 00:00:00 <==", history)
    # Nothing else is at hand, and nothing is downloaded.
    refused <- first_use(c(
      RETICULATE_PYTHON = python, RETICULATE_USE_MANAGED_VENV = "no", HOME = withr::local_tempdir(),
      PATH = "/usr/bin:/bin", VIRTUAL_ENV = NA, RETICULATE_PYTHON_FALLBACK = NA
    ))
    expect_in("kerasbridge_installation_error", refused$class)
    named <- paste(python, "is conda's, and conda is not found.")
    expect_in(named, refused$problems$what)
    expect_match(refused$message, "RETICULATE_CONDA", fixed = TRUE)
  })

  test_that("a GPU without a driver is a warning with its remedy, and the CPU computes", {
    skip_if(nzchar(Sys.which("nvidia-smi")), "this machine has a driver")
    found <- first_use(character(), gpu = TRUE)
    expect_identical(found$backend, "jax")
    expect_identical(found$warned[[1L]], "kerasbridge_no_gpu")
    expect_match(found$warned[[2L]], "nvidia-smi")
    expect_match(found$warned[[2L]], "gpu = FALSE", fixed = TRUE)
    expect_match(found$problems$what, "there is no NVIDIA driver", fixed = TRUE)
    expect_match(found$problems$remedy, "use_backend(\"jax\", gpu = FALSE)", fixed = TRUE)
  })

  test_that("use_backend() has its way against KERAS_BACKEND", {
    found <- first_use(c(KERAS_BACKEND = "torch"))
    expect_identical(found$backend, "jax")
    expect_identical(nrow(found$problems), 0L)
  })

  test_that("a Keras that reticulate has loaded with another backend is named, with the remedy", {
    found <- callr::r(
      function() {
        reticulate::import("keras")
        Sys.setenv(KERAS_BACKEND = "torch")
        library(kerasbridge)
        condition <- tryCatch(use_backend("torch"), error = identity)
        list(
          class = class(condition), message = cli::ansi_strip(conditionMessage(condition)),
          backend = config_backend(), problems = kerasbridge_sitrep()$problems
        )
      },
      env = c(callr::rcmd_safe_env(), KERAS_BACKEND = "jax"), timeout = 120
    )
    expect_in("kerasbridge_error", found$class)
    expect_match(found$message, 'Keras is already running on "jax"', fixed = TRUE)
    expect_match(found$message, "Restart R, and call `use_backend(\"torch\")`", fixed = TRUE)
    expect_identical(found$backend, "jax")
    expect_identical(found$problems$what, "Keras runs on jax already, and torch was chosen.")
  })
})
