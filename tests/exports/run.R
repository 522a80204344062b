# Tests of exports on the backend of KERAS_BACKEND, with the helpers of the other tests.

library(testthat)
library(kerasbridge)

use_backend(Sys.getenv("KERAS_BACKEND"))
sys.source(file.path("tests", "testthat", "helper.R"), globalenv())
test_dir(
  file.path("tests", "exports"),
  reporter = "check", package = "kerasbridge", load_package = "installed"
)
