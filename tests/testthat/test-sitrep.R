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

test_that("a Python without Keras is named, with what installs it", {
  bare <- withr::local_tempdir()
  base <- reticulate::py_to_r(reticulate::import("sys", convert = FALSE)$`_base_executable`)
  withr::with_envvar(c(LD_LIBRARY_PATH = NA), {
    processx::run(base, c("-m", "venv", "--without-pip", bare))
  })
  found <- report(c(RETICULATE_PYTHON = file.path(bare, "bin", "python"), KERAS_BACKEND = "jax"))
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

test_that("without a start, nothing is started", {
  found <- report(character(), start = FALSE)
  expect_identical(found$python$started, FALSE)
  expect_null(found$backend$loaded)
  expect_error(kerasbridge_sitrep("yes"), "start", class = "kerasbridge_error")
})
