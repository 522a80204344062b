# One backend per process: KERAS_BACKEND says which. Where nobody develops, as on CRAN, Keras may be
# missing, and then there is nothing to test; or time is short, and then the first steps are enough.
library(testthat)
library(kerasbridge)

developing <- identical(Sys.getenv("NOT_CRAN"), "true")
if (developing || can_run_keras()) {
  found <- test_check("kerasbridge", filter = if (!developing) "^(shape|tensor|subset|history)$")
  if (developing) {
    message("The longest files, in seconds:")
    seconds <- with(as.data.frame(found), tapply(real, gsub("^test-|[.]R$", "", file), sum))
    print(utils::head(sort(round(seconds), decreasing = TRUE), 20L))
  }
} else {
  message("Python has no Keras here: its tests are skipped.")
}
