# Choosing the backend: each case in a fresh R process, which finds this process's libraries.

in_fresh_r <- function(f, ..., env = character()) {
  library_paths <- c(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  unset <- c(KERAS_BACKEND = NA, KERAS_HOME = NA, JAX_PLATFORMS = NA, CUDA_VISIBLE_DEVICES = NA)
  kept <- unset[setdiff(names(unset), names(env))]
  callr::r(f, list(...), env = c(callr::rcmd_safe_env(), library_paths, kept, env))
}

# What a session starts with: the backend, what hides the GPU, and what Python is asked for.
started_with <- function(env = character()) {
  in_fresh_r(env = env, function() {
    library(kerasbridge)
    list(
      python = "reticulate" %in% loadedNamespaces() && reticulate::py_available(),
      backend = Sys.getenv("KERAS_BACKEND"),
      jax = Sys.getenv("JAX_PLATFORMS"),
      packages = reticulate::py_require()$packages
    )
  })
}

keras_home <- function(contents, env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  writeLines(contents, file.path(folder, "keras.json"))
  folder
}

test_that("the package starts no Python and declares tensorflow by default", {
  start <- started_with(c(HOME = withr::local_tempdir()))
  expect_false(start$python)
  expect_identical(start$backend, "tensorflow")
  expect_true(any(startsWith(start$packages, "tensorflow")))
  expect_true(any(startsWith(start$packages, "keras")))
})

test_that("KERAS_BACKEND chooses, its suffix the build", {
  start <- started_with(c(KERAS_BACKEND = "jax-cpu"))
  expect_identical(start[c("backend", "jax")], list(backend = "jax", jax = "cpu"))
  expect_true("jax>=0.4.20" %in% start$packages)
  start <- started_with(c(KERAS_BACKEND = "jax-gpu"))
  expect_identical(start[c("backend", "jax")], list(backend = "jax", jax = ""))
  expect_true(all(backend_requirements("jax", TRUE) %in% start$packages))
})

test_that("keras.json chooses, in KERAS_HOME or in ~/.keras", {
  home <- keras_home('{"backend": "torch"}')
  expect_identical(started_with(c(KERAS_HOME = home))$backend, "torch")
  home <- withr::local_tempdir()
  dir.create(file.path(home, ".keras"))
  writeLines('{"backend": "jax"}', file.path(home, ".keras", "keras.json"))
  expect_identical(started_with(c(HOME = home))$backend, "jax")
  both <- c(KERAS_BACKEND = "numpy", KERAS_HOME = keras_home('{"backend": "torch"}'))
  expect_identical(started_with(both)$backend, "numpy")
})

test_that("a wrong setting is said when the package loads, and tensorflow is taken", {
  said <- in_fresh_r(env = c(KERAS_BACKEND = "pytorch"), function() {
    said <- character()
    withCallingHandlers(library(kerasbridge), packageStartupMessage = function(m) {
      said <<- c(said, conditionMessage(m))
      invokeRestart("muffleMessage")
    })
    c(said, Sys.getenv("KERAS_BACKEND"))
  })
  expect_match(said[[1]], 'KERAS_BACKEND names the backend "pytorch".* Use "torch"')
  expect_identical(said[[2]], "tensorflow")
})

test_that("use_backend() replaces what it declared before", {
  declared <- in_fresh_r(function() {
    library(kerasbridge)
    use_backend("jax", gpu = FALSE)
    first <- list(reticulate::py_require()$packages, Sys.getenv("JAX_PLATFORMS"))
    py_require("scipy")
    use_backend("torch", gpu = TRUE)
    list(first, list(reticulate::py_require()$packages, Sys.getenv("JAX_PLATFORMS")))
  })
  expect_true("jax>=0.4.20" %in% declared[[1]][[1]])
  expect_identical(declared[[1]][[2]], "cpu")
  expect_false("jax>=0.4.20" %in% declared[[2]][[1]])
  expect_true(all(c("torch>=2.1.0", "scipy") %in% declared[[2]][[1]]))
  expect_identical(declared[[2]][[2]], "")
})

test_that("use_backend() refuses what is no backend", {
  expect_refused(use_backend("pytorch"), 'use "torch"')
  expect_refused(use_backend("theano"), "must be one of")
  expect_refused(use_backend(c("jax", "torch")), "must be one of")
  expect_refused(use_backend("jax", gpu = "yes"), "TRUE, FALSE or NA")
})

test_that("once Keras runs, its backend stays", {
  running <- config_backend()
  other <- if (running == "jax") "torch" else "jax"
  expect_identical(use_backend(running), running)
  expect_refused(use_backend(other), "already running")
  expect_identical(config_backend(), running)
})

test_that("set_random_seed() takes whole numbers and seeds R as well", {
  set_random_seed(3)
  first <- list(runif(1), as.array(random_normal(c(2, 2))))
  set_random_seed(3)
  expect_identical(list(runif(1), as.array(random_normal(c(2, 2)))), first)
  expect_refused(set_random_seed(1.5), "whole number")
  expect_refused(set_random_seed(-1), "whole number")
  expect_refused(set_random_seed("a"), "whole number")
})

test_that("a misspelt backend is refused with the near one", {
  expect_refused(use_backend("tensorfow"), "Did you mean \"tensorflow\"")
  expect_refused(use_backend("jaxx"), "Did you mean \"jax\"")
})
