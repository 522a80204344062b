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
  shown <- cli::ansi_strip(capture.output(print(sitrep)))
  heads <- "^(--|\u2500\u2500) ([A-Z][a-z]*) .*"
  parts <- sub(heads, "\\2", grep(heads, shown, value = TRUE))
  expect_identical(parts, c("R", "Python", "Backend", "Settings", "Problems"))
  expect_identical(shown[[length(shown)]], "none found")
})

test_that("the report tells devices, settings and who chose the backend, as they are", {
  sitrep <- kerasbridge_sitrep()
  backend <- config_backend()
  device <- c(tensorflow = "cpu:0", jax = "cpu:0", torch = "cpu", numpy = "cpu")
  expect_in(device[[backend]], sitrep$devices)
  expect_identical(sitrep$r$blas, basename(extSoftVersion()[["BLAS"]]))
  expect_identical(sitrep$backend$by, "KERAS_BACKEND")
  expect_identical(sitrep$settings[["KERAS_BACKEND"]], backend)
  expect_identical(sitrep$settings[["RETICULATE_PYTHON"]], Sys.getenv("RETICULATE_PYTHON"))
  home <- withr::local_tempdir()
  writeLines(c("{", '  "backend": "torch"', "}"), file.path(home, "keras.json"))
  withr::local_envvar(KERAS_HOME = home, XLA_FLAGS = NA)
  settings <- sitrep_settings()
  expect_identical(settings[["KERAS_HOME"]], home)
  expect_identical(settings[["keras.json"]], '{ "backend": "torch" }')
  expect_false("XLA_FLAGS" %in% names(settings))
  shown <- capture.output(print(sitrep))
  expect_in(sprintf("%-16s%s, by KERAS_BACKEND", "chosen", backend), shown)
  expect_in(sprintf("%-16s%s", "devices", paste(sitrep$devices, collapse = ", ")), shown)
})

test_that("each way to choose a backend is told", {
  home <- withr::local_tempdir()
  withr::local_envvar(KERAS_HOME = home, KERAS_BACKEND = NA)
  expect_identical(default_backend()$by, "the default")
  file <- file.path(home, "keras.json")
  writeLines('{"backend": "torch"}', file)
  expect_identical(default_backend(), list(backend = "torch", gpu = NA, by = file))
  withr::local_envvar(KERAS_BACKEND = "jax-cpu")
  expect_identical(default_backend(), list(backend = "jax", gpu = FALSE, by = "KERAS_BACKEND"))
  told <- callr::r(function() {
    library(kerasbridge)
    use_backend("numpy")
    kerasbridge_sitrep(start = FALSE)$backend[c("chosen", "by")]
  }, env = c(callr::rcmd_safe_env(), KERAS_BACKEND = "jax"))
  expect_identical(told, list(chosen = "numpy", by = "use_backend()"))
})

# What is said of a machine that differs from this one in these parts.
problems_of <- function(..., backend = "jax") {
  found <- unclass(kerasbridge_sitrep())
  found$backend[c("chosen", "loaded")] <- list(backend, NULL)
  sitrep_problems(utils::modifyList(found, list(...)), NULL)
}

test_that("versions that are too old are named, with what is needed", {
  python <- problems_of(python = list(version = "3.10"))
  expect_identical(python$what, "Python 3.10 is too old: >=3.11 is needed.")
  expect_match(python$remedy, 'py_require(python_version = ">=3.11")', fixed = TRUE)
  expect_identical(nrow(problems_of(python = list(version = "3.13.0rc1"))), 0L)

  packages <- kerasbridge_sitrep()$packages
  oldest <- c(tensorflow = "2.16.1", jax = "0.4.20", torch = "2.1.0", numpy = "")
  expect_identical(
    packages$supported[match(names(oldest), packages$package)],
    unname(ifelse(nzchar(oldest), paste0(">=", oldest), ""))
  )
  # Version, and what is said of it.
  cases <- list(
    tensorflow = c("2.15.0", "tensorflow 2.15.0 is too old: 2.16.1 is needed."),
    jax = c("0.4.19", "jax 0.4.19 is too old: 0.4.20 is needed."),
    torch = c("2.0.1+cpu", "torch 2.0.1+cpu is too old: 2.1.0 is needed."),
    torch = c("2.1.0+cpu", NA)
  )
  for (i in seq_along(cases)) {
    backend <- names(cases)[[i]]
    packages$installed[packages$package == "tensorflow-cpu"] <- NA
    packages$installed[packages$package == backend] <- cases[[i]][[1L]]
    told <- problems_of(packages = packages, backend = backend)
    expect_identical(told$what, if (is.na(cases[[i]][[2L]])) character() else cases[[i]][[2L]])
    remedy <- sprintf('install_keras(backend = "%s")', backend)
    expect_identical(grepl(remedy, told$remedy, fixed = TRUE), rep(TRUE, nrow(told)))
  }
})

test_that("a processor without AVX is told from its flags", {
  flags <- function(...) withr::local_tempfile(lines = c(...), .local_envir = parent.frame())
  common <- "flags\t\t: fpu sse sse2 ssse3 sse4_1"
  expect_true(lacks_avx(flags("processor\t: 0", common, "", "processor\t: 1", common)))
  expect_false(lacks_avx(flags(paste(common, "avx avx2"))))
  expect_false(lacks_avx(flags(paste(common, "avx"))))
  expect_false(lacks_avx(flags("Features\t: fp asimd"))) # ARM
  expect_false(lacks_avx("/no/such/file")) # not Linux
  told <- lapply(
    c(tensorflow = "tensorflow", jax = "jax", torch = "torch", numpy = "numpy"),
    function(backend) processor_problem(backend, flags(common))
  )
  expect_identical(
    told$tensorflow$what, "This processor has no AVX instructions, for which tensorflow is built."
  )
  expect_match(told$jax$what, "for which jax is built", fixed = TRUE)
  expect_identical(told$jax$remedy, "use_backend(\"torch\") in a new session")
  expect_null(told$torch)
  expect_null(told$numpy)
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
  works <- data.frame(
    reticulate = c("1.41.0.1", "1.41.0.1", "1.46.0", "1.47.0", "1.47.0"),
    uv = c("0.6.3", "0.13.9", "0.8.0", "0.6.3", "0.13.9"),
    works = c(TRUE, FALSE, FALSE, TRUE, TRUE)
  )
  for (i in seq_len(nrow(works))) {
    writeLines(c("#!/bin/sh", paste("echo uv", works$uv[[i]])), uv)
    version <- numeric_version(works$reticulate[[i]])
    expect_identical(unsuited_uv(version), !works$works[[i]])
    told <- not_started(simpleError("no"), version)$remedy
    expect_identical(grepl("uv 0.6.3 works with this reticulate", told), !works$works[[i]])
  }
  writeLines(c("#!/bin/sh", "echo uv 0.13.9"), uv)
  expect_identical(
    not_started(simpleError("no such file\nmore"), numeric_version("1.41")),
    data.frame(
      what = "Python does not start: no such file",
      remedy = paste(
        "uv 0.6.3 works with this reticulate, newer ones with reticulate 1.47:",
        "update.packages()"
      )
    )
  )
})

test_that("without a start, nothing is started", {
  found <- report(character(), start = FALSE)
  expect_identical(found$python$started, FALSE)
  expect_null(found$backend$loaded)
  expect_error(kerasbridge_sitrep("yes"), "start", class = "kerasbridge_error")
})

# What does not depend on the backend is set up once, in sessions that choose JAX.
on_backend("jax", {
  test_that("without uv, Python and a network, the first use says what mends it", {
    script <- withr::local_tempfile(fileext = ".R", lines = c(
      "library(kerasbridge)",
      'use_backend("jax")',
      "failed <- tryCatch(op_ones(2), error = identity)",
      'cat("<", class(failed)[[1L]], cli::ansi_strip(conditionMessage(failed)), ">", fill = FALSE)',
      'cat("<", paste(unlist(kerasbridge_sitrep()$problems), collapse = " | "), ">")'
    ))
    home <- withr::local_tempdir()
    withr::local_envvar(
      PATH = "/usr/bin:/bin", HOME = home, RETICULATE_PYTHON = NA, RETICULATE_UV = NA,
      VIRTUAL_ENV = NA, RETICULATE_PYTHON_FALLBACK = NA, UV_CACHE_DIR = NA,
      R_LIBS = paste(.libPaths(), collapse = ":")
    )
    ran <- processx::run(
      "unshare", c("--map-root-user", "--net", file.path(R.home("bin"), "Rscript"), script),
      wd = home, timeout = 120
    )
    told <- gsub("[[:space:]]+", " ", ran$stdout)
    remedy <- paste(
      "with a network, reticulate makes an environment itself;",
      "with Python alone, install_keras()"
    )
    expect_match(told, "< kerasbridge_installation_error Keras cannot be used.", fixed = TRUE)
    expect_match(told, "Python does not start: ", fixed = TRUE)
    expect_match(told, remedy, fixed = TRUE)
    # A report that is asked for afterwards says so too.
    said <- paste0("< Python does not start: [^|]* [|] ", gsub("[()]", ".", remedy), " >")
    expect_match(told, said)
  })

  test_that("the environment of install_keras() is taken where it has what is needed", {
    used <- function(environment, variables = character()) {
      home <- withr::local_tempdir()
      file.symlink(environment, file.path(home, "r-keras"))
      unset <- c(RETICULATE_PYTHON = NA, VIRTUAL_ENV = NA, KERAS_BACKEND = NA)
      callr::r(function() {
        library(kerasbridge)
        use_backend("numpy")
        loadNamespace("reticulate")
        chosen <- Sys.getenv("RETICULATE_PYTHON_FALLBACK")
        if (startsWith(chosen, Sys.getenv("WORKON_HOME"))) {
          op_ones(2)
          chosen <- reticulate::py_config()$python
        }
        sub(Sys.getenv("WORKON_HOME"), "", chosen, fixed = TRUE)
      }, env = c(callr::rcmd_safe_env(), unset, WORKON_HOME = home, variables), wd = home)
    }
    full <- dirname(dirname(Sys.getenv("RETICULATE_PYTHON")))
    expect_identical(used(full), file.path(normalizePath(full), "bin", "python"))
    expect_identical(used(full, c(RETICULATE_PYTHON_FALLBACK = "/their/python")), "/their/python")
    expect_identical(used(dirname(dirname(python_without_packages()))), "")
  })

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
