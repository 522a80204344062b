# Tests of exports on the backend of KERAS_BACKEND, with the helpers of the other tests.

library(testthat)
library(kerasbridge)

use_backend(Sys.getenv("KERAS_BACKEND"))
for (helper in c("helper.R", "helper-calls.R")) {
  sys.source(file.path("tests", "testthat", helper), globalenv())
}
test_dir(
  file.path("tests", "exports"),
  reporter = "check", package = "kerasbridge", load_package = "installed"
)
