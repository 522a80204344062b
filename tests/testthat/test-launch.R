# Real processes: what they compute together is what one computes alone, and none is left behind.

can_launch <- config_backend() %in% c("jax", "torch")

# Weighted rows, validation on other data, and evaluation.
further <- function(model, x, y) {
  history <- fit(
    model, x, y,
    epochs = 1, batch_size = 50, sample_weight = x[, 1]^2, verbose = 0,
    validation_data = list(x[1:20, ], y[1:20], x[1:20, 2]^2)
  )
  list(history$metrics, evaluate(model, x, y, batch_size = 40, verbose = 0))
}

test_that("several processes compute what one computes", {
  if (!can_launch) {
    refused <- quote(launch(train_once, processes = 2, backend = config_backend()))
    return(expect_refused(eval(refused), "jax.*torch"))
  }
  args <- list(flowers, iris$Species, bare(\() distribution_data_parallel()), bare(further))
  one <- alone(train_once, args)
  # Two processes, on JAX of two devices each. KERASBRIDGE_PROCESSES says how many, such as "2,4",
  # for a long run by hand.
  on_jax <- config_backend() == "jax"
  counts <- Sys.getenv("KERASBRIDGE_PROCESSES", "2")
  for (processes in as.integer(strsplit(counts, ",")[[1L]])) {
    devices <- if (on_jax && processes == 2L) 2
    size <- list(processes = processes, devices_per_process = devices)
    several <- do.call(launch, c(list(train_once), args, size, output = "none", timeout = 300))
    # sums over processes are rounded in another order
    expect_equal(several, one, tolerance = 1e-5)
    expect_equal(dim(several$predicted), c(150L, 3L))
  }
  expect_identical(children(), 0L)
})

test_that("the first error ends all, and is told with its process", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  started <- Sys.time()
  failed <- expect_error(
    launch(processes = 2, output = "none", timeout = 120, {
      rank <- Sys.getenv("KERAS_DISTRIBUTION_PROCESS_ID")
      if (rank == "1") stop("no such luck")
      Sys.sleep(100)
    }),
    class = "kerasbridge_launch_error"
  )
  expect_identical(failed$rank, 2L)
  expect_match(conditionMessage(failed), "Process 2 of 2 failed.", fixed = TRUE)
  expect_identical(conditionMessage(failed$parent), "no such luck")
  expect_lt(as.numeric(Sys.time() - started, units = "secs"), 60)
  expect_identical(children(), 0L)
})

test_that("the cause is named, not those that lost their partner and told so first", {
  cause_of <- function(...) {
    folder <- withr::local_tempdir()
    described <- list(...)
    children <- lapply(seq_along(described), function(i) {
      with <- described[[i]]
      if (!is.null(with$error)) {
        result <- list(error = simpleError(with$error), time = with$time)
        saveRDS(result, file.path(folder, paste0("result-", i - 1L, ".rds")))
      }
      ended <- processx::process$new("true")
      ended$wait()
      list2env(list(process = ended, rank = i - 1L, lines = with$lines %||% "", host = NULL))
    })
    getFromNamespace("cause_among", "kerasbridge")(children, folder)$rank
  }
  lost <- list(error = "Connection closed by peer [127.0.0.1]", time = 2)
  killed <- list()
  own <- list(error = "no such luck", time = 3)
  aborted <- list(lines = "another task died")
  expect_identical(cause_of(lost, killed), 1L)
  expect_identical(cause_of(aborted, killed), 1L)
  expect_identical(cause_of(aborted, own), 1L)
  expect_identical(cause_of(lost, own), 1L)
  expect_identical(cause_of(killed, own), 1L)
  expect_identical(cause_of(lost, list(error = lost$error, time = 1)), 1L)
})

test_that("each host numbers its processes, and the first one is where they meet", {
  environment <- getFromNamespace("launch_environment", "kerasbridge")
  meeting <- environment("jax", 2L, NULL, c("me@a", "b"))[["KERAS_DISTRIBUTION_JOB_ADDRESSES"]]
  expect_match(meeting, "^a:[0-9]+$")
  # `ssh` is a command that only tells what it was given
  told <- withr::local_tempfile()
  ssh <- withr::local_tempfile(lines = c("#!/bin/sh", paste("echo \"$@\" >>", told), "exit 3"))
  Sys.chmod(ssh, "755")
  expect_error(
    launch(identity, hosts = c("a", "b", "a"), ssh = ssh, backend = "jax"), "does not take the task"
  )
  start <- getFromNamespace("start_process", "kerasbridge")
  for (rank in 0:2) start("/tmp", rank, c(A = "1"), c("a", "b", "a"), ssh)$process$wait()
  expect_match(
    grep("KERASBRIDGE_LOCAL_RANK", readLines(told), value = TRUE),
    "^(a|b) .*(PROCESS_ID='[01]' KERASBRIDGE_LOCAL_RANK='0'|'2' KERASBRIDGE_LOCAL_RANK='1')"
  )
})

test_that("processes of one machine share its cores, unless they are told otherwise", {
  threads <- function(processes, hosts = NULL) {
    environment <- getFromNamespace("launch_environment", "kerasbridge")
    environment("jax", processes, NULL, hosts)["OMP_NUM_THREADS"]
  }
  withr::local_envvar(OMP_NUM_THREADS = NA)
  expect_identical(unname(threads(1000L)), "1")
  expect_identical(unname(threads(2L)), as.character(max(1L, parallel::detectCores() %/% 2L)))
  expect_true(is.na(threads(1L)))
  expect_true(is.na(threads(2L, c("a", "b"))))
  withr::local_envvar(OMP_NUM_THREADS = "3")
  expect_true(is.na(threads(2L)))
})

# Trains for many epochs of at least a fiftieth of a second each, with a backup after every one.
# One process may be killed, so many seconds after the second epoch.
train_on <- function(folder, x, y, victim = -1, seconds = 0) {
  library(kerasbridge)
  set_random_seed(1)
  distribution_set(distribution_data_parallel())
  model <- keras_model_sequential(input_shape = 4) |> layer_dense(3, activation = "softmax")
  model |> compile("adam", "sparse_categorical_crossentropy")
  is_victim <- Sys.getenv("KERAS_DISTRIBUTION_PROCESS_ID") == victim
  after_epoch <- function(epoch, logs) {
    if (epoch == 3 && is_victim) { # the first has written its backup of an earlier one
      told <- paste0(folder, "-killed")
      kill <- "(sleep %f; date +%%s.%%N > %s; kill -9 %d) > /dev/null 2>&1 &"
      system(sprintf(kill, seconds, told, Sys.getpid()))
    }
    Sys.sleep(0.02)
  }
  history <- fit(
    model, x, y,
    epochs = 40, batch_size = 33, verbose = 0, callbacks = list(
      callback_backup_and_restore(file.path(folder, "backup")),
      callback_model_checkpoint(file.path(folder, "model.keras"), monitor = "loss"),
      callback_lambda(on_epoch_end = after_epoch)
    )
  )
  list(loss = history$metrics$loss, weights = get_weights(model))
}

test_that("a training whose process was killed goes on from its last epoch", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  train_in <- function(folder, ...) {
    launch(
      train_on, folder, flowers, iris$Species, ...,
      processes = 2, output = "none", timeout = 200
    )
  }
  whole <- alone(train_on, list(withr::local_tempdir(), flowers, iris$Species))
  # KERASBRIDGE_KILLS says how often, for a long run by hand
  for (run in seq_len(as.integer(Sys.getenv("KERASBRIDGE_KILLS", "1")))) {
    folder <- withr::local_tempdir()
    victim <- sample(0:1, 1L)
    failed <- expect_error(
      train_in(folder, victim, stats::runif(1L, 0, 0.7)),
      paste0("Process ", victim + 1L, " of 2 was killed by signal 9."),
      fixed = TRUE, class = "kerasbridge_launch_error"
    )
    expect_identical(failed$rank, victim + 1L)
    killed <- as.numeric(readLines(paste0(folder, "-killed")))
    expect_lt(as.numeric(Sys.time()) - killed, 30)
    resumed <- train_in(folder)
    left <- length(resumed$loss)
    expect_lt(left, 40L)
    # sums over processes are rounded in another order
    expect_equal(resumed$loss, utils::tail(whole$loss, left), tolerance = 1e-5)
    expect_equal(resumed$weights, whole$weights, tolerance = 1e-5)
    # no half-written file, and no backup once all is done
    expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), "model.keras")
  }
  expect_equal(get_weights(load_model(file.path(folder, "model.keras"))), resumed$weights)
  expect_identical(children(), 0L)
})

test_that("on a full disk a training of several processes ends with an error", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  folder <- withr::local_tempdir()
  failed <- expect_error(launch(function(folder, x, y) {
    library(kerasbridge)
    limits <- import("resource", convert = FALSE)
    signal <- import("signal", convert = FALSE)
    # a process may write files of 100 kB, and is told so instead of ended
    invisible(signal$signal(signal$SIGXFSZ, signal$SIG_IGN))
    invisible(limits$setrlimit(limits$RLIMIT_FSIZE, tuple(100000L, 100000L)))
    distribution_set(distribution_data_parallel())
    model <- keras_model_sequential(input_shape = 4) |>
      layer_dense(9000, activation = "tanh") |>
      layer_dense(3, activation = "softmax")
    model |> compile("sgd", "sparse_categorical_crossentropy")
    callbacks <- callback_backup_and_restore(file.path(folder, "backup"))
    fit(model, x, y, epochs = 2, batch_size = 50, verbose = 0, callbacks = callbacks)
  }, folder, flowers, iris$Species, processes = 2, output = "none", timeout = 200))
  expect_identical(failed$rank, 1L)
  expect_match(conditionMessage(failed$parent), "nothing is changed")
  expect_length(list.files(folder, recursive = TRUE, all.files = TRUE), 0L)
  expect_identical(children(), 0L)
})

# Without launch(), which would end the others.
test_that("where the first process is lost, those that something else has started end", {
  if (!can_launch) {
    return(expect_refused(distribution_initialize("localhost", 2, 0), "JAX and PyTorch"))
  }
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(kerasbridge)",
    "invisible(distribution_initialize())",
    "is_first <- Sys.getenv('KERAS_DISTRIBUTION_PROCESS_ID') == '0'",
    "distribution_set(distribution_data_parallel())",
    "model <- keras_model_sequential(input_shape = 4) |> layer_dense(3)",
    "model |> compile('sgd', 'mse')",
    "end <- function(epoch, logs) if (is_first && epoch == 3) tools::pskill(Sys.getpid(), 9L)",
    "fit(model, matrix(1, 8, 4), matrix(1, 8, 3), epochs = 1e6, verbose = 0,",
    "  callbacks = callback_lambda(on_epoch_end = end))"
  ))
  port <- asNamespace("kerasbridge")$free_port()
  told <- withr::local_tempfile()
  processes <- lapply(0:1, function(rank) {
    processx::process$new(
      file.path(R.home("bin"), "Rscript"), script,
      stdout = if (rank == 1L) told, stderr = "2>&1", cleanup = TRUE,
      env = c(
        "current", KERAS_BACKEND = config_backend(), KERAS_DISTRIBUTION_PROCESS_ID = rank,
        KERAS_DISTRIBUTION_NUM_PROCESSES = "2", R_LIBS = paste(.libPaths(), collapse = ":"),
        KERAS_DISTRIBUTION_JOB_ADDRESSES = paste0("127.0.0.1:", port)
      )
    )
  })
  withr::defer(for (process in processes) process$kill())
  for (process in processes) process$wait(120000)
  expect_identical(processes[[1L]]$get_exit_status(), -9L)
  expect_false(processes[[2L]]$get_exit_status() %in% c(0L, NA))
  lost <- "Connection closed by peer|Connection reset by peer|another task died"
  expect_match(paste(readLines(told, warn = FALSE), collapse = "\n"), lost)
})

# Processes anywhere on this machine that were given this mark.
marked <- function(mark) {
  environments <- Sys.glob("/proc/[0-9]*/environ")
  has_mark <- function(path) {
    read <- tryCatch(readBin(path, "raw", 1e6), error = \(e) raw(), warning = \(w) raw())
    any(grepl(mark, rawToChar(replace(read, read == 0L, charToRaw("\n"))), fixed = TRUE))
  }
  sum(vapply(environments, has_mark, NA))
}

test_that("what a process has started ends with it, and holds nobody up", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  mark <- basename(tempfile("kerasbridge-mark-"))
  given <- list(processes = 1, env = c(KERASBRIDGE_MARK = mark), output = "none")
  started <- proc.time()[["elapsed"]]
  value <- do.call(launch, c(quote({
    system("sleep 100 &")
    1
  }), given))
  expect_identical(value, 1)
  failed <- do.call(launch, c(quote({
    process <- callr::r_bg(\() Sys.sleep(100))
    stop("not alone")
  }), given)) |> expect_error(class = "kerasbridge_launch_error")
  expect_identical(conditionMessage(failed$parent), "not alone")
  expect_lt(proc.time()[["elapsed"]] - started, 90)
  expect_identical(marked(mark), 0L)
})

test_that("an interrupt ends all processes", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  mark <- basename(tempfile("kerasbridge-mark-"))
  begun <- withr::local_tempfile()
  session <- callr::r_bg(function(mark, begun, backend) {
    tryCatch(
      kerasbridge::launch(function(begun) {
        file.create(begun)
        Sys.sleep(100)
      }, begun, backend = backend, env = c(KERASBRIDGE_MARK = mark)),
      interrupt = \(condition) "interrupted"
    )
  }, list(mark, begun, config_backend()))
  withr::defer(session$kill_tree())
  late <- proc.time()[["elapsed"]] + 60
  while (!file.exists(begun) && proc.time()[["elapsed"]] < late) Sys.sleep(0.1)
  session$interrupt()
  session$wait(10000)
  expect_identical(session$get_result(), "interrupted")
  expect_identical(marked(mark), 0L)
})

test_that("processes that do not end are ended", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  expect_error(
    launch(processes = 2, output = "none", timeout = 3, Sys.sleep(100)),
    "ended after 3 seconds; still running: 1 and 2",
    class = "kerasbridge_launch_error"
  )
  expect_identical(children(), 0L)
})

test_that("a script, an expression and a function give the first process's value", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "rank <- as.integer(Sys.getenv('KERAS_DISTRIBUTION_PROCESS_ID'))",
    "cat('here is', rank, '\\n')",
    "10L + rank"
  ))
  shown <- capture.output(value <- launch(script, processes = 2, timeout = 120))
  expect_identical(value, 10L)
  expect_setequal(shown, c("[1] here is 0 ", "[2] here is 1 "))
  made <- file.path(dirname(script), basename(script))
  in_list <- list(path = script, add = \(x) x + 1)
  launched <- \(...) launch(..., processes = 1, output = "none", timeout = 120)
  for (run in list(
    \() launched(normalizePath(made)), \() launched(paste0(dirname(script), "/", basename(script))),
    \() launched(in_list$path)
  )) {
    expect_identical(run(), 10L)
  }
  expect_identical(launched(in_list$add, 2), 3)
  # a call that gives a function or a script, which nobody runs
  make <- function(x) x
  expect_refused(launched(make(in_list$add)), "gives a function.*what <- make")
  expect_refused(launched(make(script)), "gives the path of a script")
  number <- 3
  expect_identical(launch(number * 2, processes = 1, output = "none", timeout = 120), 6)
  expect_identical(launch(\(x) rev(x), 1:3, processes = 1, output = "none", timeout = 120), 3:1)
})

test_that("a history comes back, from another backend and another environment", {
  other <- setdiff(c("jax", "torch"), config_backend())[[1L]]
  history <- launch(function(x) {
    library(kerasbridge)
    model <- keras_model_sequential(input_shape = 4) |> layer_dense(1)
    model |> compile("sgd", "mse")
    history <- fit(model, x, x[, 1], epochs = 2, verbose = 0)
    history$params$where <- c(config_backend(), Sys.getenv("OF_MINE"))
    history
  }, flowers, backend = other, env = c(OF_MINE = "mine"), output = "none", timeout = 120)
  expect_s3_class(history, "keras_training_history")
  expect_identical(history$params$where, c(other, "mine"))
  expect_identical(as.data.frame(history)$epoch, 1:2)
  expect_lt(history$metrics$loss[[2L]], history$metrics$loss[[1L]])
})

test_that("an error of Python's in a process comes with its way there", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  failed <- expect_error(launch(processes = 1, output = "none", timeout = 120, {
    library(kerasbridge)
    deeper <- function(x) op_matmul(x, op_ones(c(3, 3)))
    deeper(op_ones(c(2, 2)))
  }), class = "kerasbridge_launch_error")
  expect_s3_class(failed$parent, c("kerasbridge_error", "python.builtin.Exception"))
  expect_identical(conditionCall(failed$parent)[[1L]], quote(op_matmul))
  way <- format(failed$parent$trace)
  expect_match(way, "deeper", all = FALSE)
  expect_match(way, "kerasbridge::op_matmul", all = FALSE)
})

test_that("values of every class of lists cross", {
  if (!can_launch) {
    return(expect_error(launch(1, backend = config_backend()), class = "kerasbridge_error"))
  }
  data <- data.frame(a = 1:2)
  data$times <- list(as.POSIXlt("2024-02-29 12:00:00", tz = "UTC"), packageVersion("base"))
  value <- list(data, packageVersion("stats"), structure(list(1, list(2)), class = "of_mine"), NULL)
  expect_identical(launch(value, processes = 1, output = "none", timeout = 120), value)
})

test_that("what launch() cannot do is refused at the door", {
  expect_snapshot(error = TRUE, {
    launch("no-such-file.R", backend = "jax")
    launch(identity, processes = 0)
    launch(identity, processes = 1.5)
    launch(identity, timeout = -1)
    launch(identity, hosts = character(), backend = "jax")
    launch(identity, hosts = 2, backend = "jax")
    launch(identity, hosts = "a", ssh = NA, backend = "jax")
    launch(identity, env = "A=1", backend = "jax")
    launch(identity, backend = "tensorflow")
    launch(1 + 1, 2, backend = "jax")
  })
})

test_that("no device is started before the first computation", {
  started <- alone(function(backend) {
    library(kerasbridge)
    use_backend(backend)
    modules <- list(keras$`__version__`, import(backend))
    switch(backend,
      jax = length(import("jax._src.xla_bridge")$`_backends`) > 0L,
      tensorflow = import("tensorflow.python.eager.context")$context()$`_initialized`,
      torch = import("torch")$cuda$is_initialized(),
      numpy = FALSE
    )
  }, list(config_backend()))
  expect_identical(started, FALSE)
})
