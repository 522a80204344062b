# Memory stays within bounds while R does not look, in a process of its own.

skip_if_not_installed("callr")

in_a_process <- function(code, ...) callr::r(code, list(...), timeout = 300)

# MB that this process has had at most.
peak <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("\\D", "", line)) / 1024
}

test_that("a loop over large tensors does not fill the machine", {
  skip_on_os(c("mac", "windows", "solaris"))
  grown <- in_a_process(function(peak) {
    library(kerasbridge)
    m <- matrix(1, 5000, 1000) # 20 MB as a tensor, three of them a step: 6 GB if none went
    y <- op_convert_to_tensor(m) * 2 + 1
    start <- peak()
    for (i in 1:100) {
      x <- op_convert_to_tensor(m)
      y <- x * 2 + 1
    }
    list(grown = peak() - start, y = as.array(y[1, 1]), in_use = memory_in_use())
  }, peak)
  expect_lt(grown$grown, 1500)
  expect_equal(c(grown$y), 3)
  expect_gt(attr(grown$in_use, "collections")[["quick"]], 1)
  expect_true("process" %in% grown$in_use$memory)
})

test_that("nor does one that calls the framework by reticulate alone", {
  skip_on_os(c("mac", "windows", "solaris"))
  grown <- in_a_process(function(peak) {
    library(kerasbridge)
    backend <- config_backend()
    name <- switch(backend, jax = "jax.numpy", backend)
    ones <- import(name, convert = FALSE)$ones
    sizes <- reticulate::tuple(5000L, 1000L)
    x <- ones(sizes)
    start <- peak()
    for (i in 1:200) x <- ones(sizes)
    peak() - start
  }, peak)
  expect_lt(grown, 1500)
})

test_that("a removed model goes: with clear_session(), and when the package collects", {
  gone <- in_a_process(function() {
    library(kerasbridge)
    weakref <- import("weakref")
    make <- function() {
      model <- keras_model_sequential(input_shape = 10) |> layer_dense(10)
      alive <- weakref$ref(model)
      rm(model)
      function() !is.null(alive())
    }
    alive <- make()
    clear_session()
    cleared <- alive()
    alive <- make()
    # The first time that the package collects it collects all; 320 MB in all.
    for (i in 1:16) x <- op_ones(c(5000, 1000))
    options(kerasbridge.memory_threshold = 1e6)
    for (i in 1:8) {
      x <- op_ones(c(5000, 1000))
      Sys.sleep(0.3)
    }
    c(cleared, alive())
  })
  expect_identical(gone, c(FALSE, FALSE))
})

test_that("the option sets the threshold, and Inf ends the collecting", {
  collections <- in_a_process(function() {
    options(kerasbridge.memory_threshold = Inf)
    library(kerasbridge)
    run <- function() {
      for (i in 1:10) {
        x <- op_ones(c(5000, 1000))
        Sys.sleep(0.05)
      }
      sum(attr(memory_in_use(), "collections"))
    }
    none <- run()
    options(kerasbridge.memory_threshold = 3e7)
    for (i in 1:10) x <- op_ones(c(5000, 1000)) # the change is noticed
    Sys.sleep(0.5)
    op_ones(1)
    c(none, run(), unique(memory_in_use()$threshold) >= 3e7)
  })
  expect_equal(collections[[1]], 0)
  expect_gt(collections[[2]], 1)
  expect_equal(collections[[3]], 1)
})

test_that("a threshold that is none is refused where the user can see it", {
  model <- keras_model_sequential(input_shape = 1) |> layer_dense(1)
  for (bad in list(0, -1, NA_real_, "1 GB", c(1, 2), list(1), TRUE, NaN)) {
    withr::local_options(kerasbridge.memory_threshold = bad)
    expect_refused(memory_in_use(), "kerasbridge.memory_threshold")
    expect_refused(fit(model, matrix(1), 1), "kerasbridge.memory_threshold")
    expect_null(kerasbridge:::threshold_wanted())
  }
  withr::local_options(kerasbridge.memory_threshold = 1e9)
  expect_identical(kerasbridge:::threshold_wanted(), 1e9)
})

test_that("when memory is out, R collects before the call is given up", {
  collections <- function() attr(memory_in_use(), "collections")[["thorough"]]
  op_ones(1)
  before <- collections()
  expect_refused(op_ones(c(2^20, 2^20, 2^4)), NULL)
  expect_identical(collections(), before + 1L)
})
