# One backend per process: KERAS_BACKEND says which. Where nobody develops, as on CRAN, Keras may be
# missing, and then there is nothing to test; or time is short, and then the first steps are enough.
library(testthat)
library(kerasbridge)

developing <- identical(Sys.getenv("NOT_CRAN"), "true")
if (developing || can_run_keras()) {
  test_check("kerasbridge", filter = if (!developing) "^(shape|tensor|subset|history)$")
} else {
  message("Python has no Keras here: its tests are skipped.")
}
