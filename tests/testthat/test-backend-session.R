# Code on another backend, in a process that stays.

other <- if (config_backend() == "torch") "jax" else "torch"

test_that("values, tensors and models cross to another backend and back", {
  withr::defer(close_backend_session(other))
  set_random_seed(3)
  x <- matrix(c(-1, 0, 2, 1), 2)
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(3, activation = "tanh")
  expect_identical(with_backend(other, config_backend()), other)
  first <- with_backend(other, Sys.getpid())
  expect_identical(with_backend(other, Sys.getpid()), first) # kept warm
  expect_false(first == Sys.getpid())
  there <- with_backend(other, predict(model, x, verbose = 0))
  expect_equal(there, predict(model, x, verbose = 0), tolerance = 1e-5) # float32 in both
  tensor <- op_convert_to_tensor(x)
  expect_equal(with_backend(other, op_matmul(tensor, x)), x %*% x)
  back <- with_backend(other, model)
  expect_equal(get_weights(back), get_weights(model))

  expect_error(
    with_backend(other, stop("not here")),
    "The code on \"(torch|jax)\" failed.*not here", class = "kerasbridge_error"
  )
  expect_error(with_backend(other, Sys.sleep(60), timeout = 1), "ended after 1 second")
  expect_identical(with_backend(other, 1 + 1), 2)
})

test_that("a process of every backend starts, and ends when it is closed", {
  for (backend in setdiff(c("tensorflow", "numpy"), config_backend())) {
    withr::defer(close_backend_session(backend))
    got <- with_backend(backend, list(config_backend(), as.array(op_cumsum(1:3)), Sys.getpid()))
    expect_identical(got[[1L]], backend)
    expect_equal(as.vector(got[[2L]]), c(1, 3, 6))
    process <- ps::ps_handle(got[[3L]])
    close_backend_session(backend)
    ps::ps_wait(process, 5000)
    expect_false(ps::ps_is_running(process))
  }
  layer <- layer_dense(units = 1)
  expect_refused(with_backend(other, layer), "Python holds in this process alone")
})

test_that("bad arguments are refused before a process is started", {
  expect_error(with_backend("torches", 1), "backend", class = "kerasbridge_error")
  expect_error(with_backend(other, 1, timeout = 0), "timeout", class = "kerasbridge_error")
})
