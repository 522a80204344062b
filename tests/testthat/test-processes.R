# Processes that Python and R start from this session.

r_libraries <- R.home("lib")

# What a child in Python says of its library path.
of_child <- function(code) {
  subprocess <- import("subprocess")
  sys <- import("sys")
  as.character(subprocess$check_output(list(sys$executable, "-c", code), text = TRUE))
}

test_that("a child of Python looks for libraries as it would without R", {
  path <- of_child("import os; print(os.environ.get('LD_LIBRARY_PATH', ''))")
  expect_false(r_libraries %in% strsplit(trimws(path), ":")[[1L]])
  expect_identical(Sys.getenv("LD_LIBRARY_PATH"), trimws(path))
})

test_that("a worker of multiprocessing finds its own libraries", {
  main <- reticulate::py_run_string("
import multiprocessing
import os

def path_of_worker():
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(os.getenv, ('LD_LIBRARY_PATH', ''))
")
  expect_false(r_libraries %in% strsplit(main$path_of_worker(), ":")[[1L]])
})

test_that("the user's own entries stay, and R started from here has R's again", {
  skip_if_not_installed("processx")
  code <- paste(
    "library(kerasbridge); invisible(reticulate::py_eval('1'));",
    "writeLines(Sys.getenv('LD_LIBRARY_PATH'));",
    "system2(file.path(R.home('bin'), 'Rscript'),",
    "  c('-e', shQuote('writeLines(Sys.getenv(\"LD_LIBRARY_PATH\"))')))"
  )
  output <- processx::run(
    file.path(R.home("bin"), "Rscript"), c("-e", code),
    env = c("current", LD_LIBRARY_PATH = "/own/lib")
  )$stdout
  paths <- strsplit(strsplit(output, "\n")[[1L]], ":")
  expect_identical(utils::tail(paths[[1L]], 1L), "/own/lib")
  expect_false(r_libraries %in% paths[[1L]])
  expect_identical(utils::tail(paths[[2L]], 1L), "/own/lib")
  expect_identical(r_libraries %in% paths[[2L]], file.exists(file.path(R.home("etc"), "ldpaths")))
})

test_that("an error of Python's in a process of callr is an error here", {
  failed <- expect_error(callr::r(
    \() kerasbridge::op_reshape(1:4, c(3, 3)),
    env = c(callr::rcmd_safe_env(), KERAS_BACKEND = config_backend())
  ), class = "callr_error")
  expect_s3_class(failed$parent, "kerasbridge_error")
})
