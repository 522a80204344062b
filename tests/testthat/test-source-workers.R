# What other processes do may hang: all of it runs in one child with a time limit, which gives back
# what happened.

crews_at_work <- function() {
  library(kerasbridge)
  new_model <- function() {
    set_random_seed(1)
    model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
    compile(model, "sgd", "mse")
  }
  assign("columns", 2, globalenv()) # what `f` names comes along
  f <- function(i, size) {
    if (i > 5) {
      return(NULL)
    }
    x <- matrix(rnorm(size * columns), size)
    list(x = x, y = factor(x[, 1] > 0, c(FALSE, TRUE)))
  }
  source_of <- function(f, workers, ...) {
    environment(f) <- globalenv() # as at top level: without the models that are here
    set.seed(1)
    dataset_from_function(f, ..., workers = workers)
  }
  trained <- function(workers) {
    unlist(fit(new_model(), source_of(f, workers, size = 4), epochs = 2, verbose = 0)$metrics)
  }
  numbered <- function(i) if (i < 6) matrix(i, 1, 2)
  model <- keras_model_sequential(input_shape = 2) |> layer_rescaling(1)
  outcome <- function(expr) tryCatch(expr, condition = identity)
  failing <- function(i) {
    if (i == 3) stop("in the third") else list(matrix(0, 1, 2), 1)
  }
  killed <- function(i) if (i == 2) tools::pskill(Sys.getpid(), 9) else matrix(i, 1, 2)
  interrupted <- NULL
  if (config_backend() != "numpy") {
    at_third <- callback_lambda(on_train_batch_begin = \(batch, logs) {
      if (batch == 3) tools::pskill(Sys.getpid(), tools::SIGINT)
    })
    endless <- function(i) list(matrix(0, 1, 2), 1)
    interrupted <- tryCatch(
      fit(
        new_model(), source_of(endless, 2), epochs = 1, steps_per_epoch = 1e6, verbose = 0,
        callbacks = at_third
      ),
      interrupt = \(cnd) cnd$history$interrupted
    )
  }
  list(
    order = predict(model, source_of(numbered, 3), verbose = 0)[, 1],
    one = if (config_backend() != "numpy") trained(1),
    two = if (config_backend() != "numpy") trained(2),
    error = outcome(predict(model, source_of(failing, 1), verbose = 0)),
    killed = outcome(predict(model, source_of(killed, 2), verbose = 0)),
    text = outcome(predict(model, source_of(\(i) "a", 1), verbose = 0)),
    interrupted = interrupted,
    crews = length(asNamespace("kerasbridge")$the$crews)
  )
}

test_that("processes make batches in order, the same ones however many they are, and end", {
  skip_if_not_installed("callr")
  seen <- callr::r(crews_at_work, timeout = 240)
  expect_identical(seen$order, as.double(1:5))
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_length(seen$one, 2)
    expect_identical(seen$two, seen$one)
    expect_false(anyDuplicated(seen$one) > 0) # another epoch has other batches
    expect_true(seen$interrupted)
  })
  expect_match(conditionMessage(seen$error), "in the third", fixed = TRUE)
  expect_s3_class(seen$error, "error")
  expect_match(paste(format(seen$error$trace), collapse = " "), "make_batches")
  expect_s3_class(seen$killed, "kerasbridge_error")
  expect_match(conditionMessage(seen$killed), "Process 2 .* killed by signal 9")
  expect_match(conditionMessage(seen$text), "`f` holds a string")
  expect_identical(seen$crews, 0L)
})

crews_of_a_plan <- function() {
  library(kerasbridge)
  model <- keras_model_sequential(input_shape = 2) |> layer_rescaling(1)
  predicted <- function(f, workers) {
    environment(f) <- globalenv()
    set.seed(1)
    made <- dataset_from_function(f, workers = workers)
    tryCatch(predict(model, made, verbose = 0), error = conditionMessage)
  }
  drawn <- function(i) if (i < 6) matrix(c(i, rnorm(1)), 1)
  own <- predicted(drawn, 2)
  future::plan(future::multisession, workers = 2)
  on.exit(future::plan(future::sequential))
  # other processes than this one, of which the plan has two
  pids <- function() {
    unique(future.apply::future_sapply(1:2, \(i) Sys.getpid(), future.chunk.size = 1))
  }
  before <- pids()
  drawn_in <- future::value(future::future(RNGkind()[1], seed = NULL))
  seen <- list(
    own = own,
    planned = predicted(drawn, 2),
    pids = predicted(\(i) if (i < 3) matrix(Sys.getpid(), 1, 2), 2)[, 1],
    error = predicted(\(i) if (i == 3) stop("in the third") else matrix(0, 1, 2), 2),
    long = predicted(\(i) if (i == 1) stop("the first") else Sys.sleep(6), 2),
    too_many = predicted(drawn, 3),
    kind = c(drawn_in, future::value(future::future(RNGkind()[1], seed = NULL)))
  )
  seen$before <- before
  Sys.sleep(2) # until those that sleep have ended
  seen$killed <- predicted(\(i) if (i == 2) tools::pskill(Sys.getpid(), 9) else matrix(i, 1, 2), 2)
  c(seen, crews = length(asNamespace("kerasbridge")$the$crews))
}

test_that("the processes of a plan of future's make the same batches, and are free again", {
  skip_if(trains(), "the code is the same on every backend: numpy's run is enough")
  skip_if_not_installed("future.apply")
  skip_if_not_installed("callr")
  seen <- callr::r(crews_of_a_plan, timeout = 240)
  expect_identical(seen$own[, 1], as.double(1:5))
  expect_identical(seen$planned, seen$own)
  expect_setequal(seen$pids, seen$before)
  expect_match(seen$error, "in the third", fixed = TRUE)
  expect_match(seen$long, "the first", fixed = TRUE)
  expect_match(seen$too_many, "`workers` is 3, and of the plan's processes [01] (is|are) free")
  expect_identical(seen$kind[2], seen$kind[1])
  expect_match(seen$killed, "Process 2 of those that make batches was lost", fixed = TRUE)
  expect_identical(seen$crews, 0L)
})

test_that("nothing is left of a session that was killed", {
  skip_if(trains(), "the code is the same on every backend: numpy's run is enough")
  skip_if_not_installed("future")
  skip_on_os("windows")
  note <- withr::local_tempfile()
  killed <- function(note) {
    future::plan(future::multisession, workers = 2)
    inside <- asNamespace("kerasbridge")
    task <- list(
      f = \(i) matrix(Sys.getpid()), args = list(), globals = list(), packages = character(),
      seed = 1L, owner = Sys.getpid(), workers = 2L
    )
    crew <- inside$start_crew(task)
    inside$await_batch(crew, inside$batch_path(crew$folder, 1, 1))
    writeLines(crew$folder, note)
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }
  expect_error(callr::r(killed, list(note), timeout = 120), class = "callr_error")
  folder <- readLines(note)
  for (i in 1:200) if (dir.exists(folder)) Sys.sleep(0.1)
  expect_false(dir.exists(folder))
})

test_that("what other processes cannot do is refused before one is started", {
  expect_snapshot(error = TRUE, {
    dataset_from_function(function() NULL, workers = 2)
    dataset_from_function(function(i) NULL, workers = 1.5)
  })
})
