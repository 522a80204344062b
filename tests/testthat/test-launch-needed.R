# What code needs of this session to run in another process.

# The names of what the user has are looked up from the expression's frame to the global
# environment; packages have theirs.
test_that("an expression and a function see what they name, and what that names in turn", {
  on_two <- function(code) {
    withr::local_envvar(KERAS_BACKEND = NA)
    callr::r(code, list(if (config_backend() == "jax") "jax" else "torch"), timeout = 300)
  }
  got <- on_two(function(backend) {
    # as a user has written it: in the global environment
    eval(quote({
      library(kerasbridge)
      rate <- 2
      times <- function(x) x * rate
      twice <- function(x) times(x)
      unused <- function() stop("never called")
      within <- function(base) {
        add <- function(x) twice(x) + base
        local <- 100
        with_backend(backend, add(1) + local)
      }
    }), globalenv())
    assign("backend", backend, globalenv())
    eval(quote(list(
      with_backend(backend, twice(3)), within(10), with_backend(backend, sapply(1:2, twice)),
      with_backend(backend, c(exists("unused"), exists("twice"))),
      launch(twice(4), processes = 1, backend = backend, output = "none"),
      launch(twice, 5, processes = 1, backend = backend, output = "none"),
      launch(\(f, x) f(x), twice, 6, processes = 1, backend = backend, output = "none")
    )), globalenv())
  })
  expect_identical(got, list(6, 112, c(2, 4), c(FALSE, FALSE), 8, 10, 12))
})

test_that("what Python holds is refused before a process is started", {
  global <- op_convert_to_tensor(1)
  expect_refused(launch(global + 1, backend = "jax"), "names `global`.*serialize_model")
  # a name that the expression gives itself is another one
  needed <- getFromNamespace("needed_in", "kerasbridge")
  assigned <- quote({
    global <- 1
    global
  })
  expect_identical(names(needed(assigned, environment())$variables), NULL)
  expect_identical(names(needed(quote(y ~ global), environment())$variables), NULL)
})
