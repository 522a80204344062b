test_that("tests of other packages are skipped where Keras or their backend is not", {
  expect_true(skip_if_no_keras())
  expect_true(skip_if_no_keras(config_backend()))
  other <- setdiff(c("jax", "torch"), config_backend())[[1L]]
  skipped <- expect_condition(skip_if_no_keras(other), class = "skip")
  expect_match(conditionMessage(skipped), paste0("for ", other, ", and Keras runs on"))
  expect_refused(skip_if_no_keras("tensorfow"), "Did you mean \"tensorflow\"")
  alone <- callr::r(
    function() {
      skipped <- tryCatch(kerasbridge::skip_if_no_keras(), condition = identity)
      list(class(skipped), conditionMessage(skipped))
    },
    env = c(RETICULATE_PYTHON = "/none", callr::rcmd_safe_env())
  )
  expect_match(alone[[2L]], "Keras cannot be run here")
  expect_contains(alone[[1L]], "skip")
})

test_that("a backend is chosen for the rest of a function", {
  seen <- callr::r(function() {
    library(kerasbridge)
    use_backend("torch")
    within <- function() {
      local_backend("numpy")
      c(Sys.getenv("KERAS_BACKEND"), callr::r(\() kerasbridge::config_backend()))
    }
    c(within(), Sys.getenv("KERAS_BACKEND"), config_backend())
  }, env = c(KERAS_BACKEND = "jax", callr::rcmd_safe_env()))
  expect_identical(seen, c("numpy", "numpy", "torch", "torch"))
  expect_identical(local_backend(config_backend()), config_backend())
  other <- setdiff(c("jax", "torch"), config_backend())[[1L]]
  expect_refused(local_backend(other), "a session has one backend")
})
