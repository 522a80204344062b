# R code that Python calls: how it leaves, and from which threads and processes it is called.

skip_if_not_installed("callr")

# What a script gives that is run in a process of its own, which must end by itself.
of_child <- function(script, ..., timeout = 300) {
  reached <- withr::local_tempfile(lines = "the start")
  run <- function(script, given) {
    list2env(given, globalenv())
    source(script, local = globalenv())$value
  }
  tryCatch(
    callr::r(
      run, list(normalizePath(test_path("crossing", script)), list(reached = reached, ...)),
      timeout = timeout,
      env = c(callr::rcmd_safe_env(), KERAS_BACKEND = config_backend(), TF_CPP_MIN_LOG_LEVEL = "3")
    ),
    error = \(e) abort_test(paste0(readLines(reached), ": ", conditionMessage(e)))
  )
}

abort_test <- function(message) stop(message, call. = FALSE)

# How often, in the suite; more where asked.
often <- function(variable, usual) as.integer(Sys.getenv(variable, usual))

test_that("R code leaves every place where Python calls it, and the framework works on", {
  rows <- of_child("exits.R", timeout = 900)
  row <- paste(rows$place, rows$exit, sep = " / ")
  # A signal in what a framework calls from C++ is an error of its own.
  failing <- switch(config_backend(),
    tensorflow = "py_function / a signal", jax = "pure_callback / a signal", character()
  )
  expect_identical(row[rows$value != "left"], failing)
  expect_identical(row[rows$calls != rows$ends], character())
  expect_identical(row[!rows$works], character())
  # once each; an error of R is one for Python, and what the others do is none
  seen <- c(
    `function` = "finally", `function in a function` = "finally finally", `next` = "closed"
  )
  for (place in names(seen)) {
    errors <- rows$exit %in% c("error", "req", "time_limit", "warn = 2", "try", "shiny's req")
    done <- rows$done[rows$place == place]
    expect_identical(unique(gsub("error ", "", done)), seen[[place]])
    if (place != "next") expect_identical(grepl("error", done), errors[rows$place == place])
  }
})

test_that("R code that Python calls leaves to the top level, and the session goes on", {
  skip_on_os("windows")
  ended <- processx::run(
    file.path(R.home("bin"), "R"), c("--no-echo", "--no-save", "--interactive"),
    stdin = test_path("crossing", "abort.R"), error_on_status = FALSE, timeout = 300,
    env = c(
      "current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep),
      KERAS_BACKEND = config_backend(), TF_CPP_MIN_LOG_LEVEL = "3"
    )
  )
  expect_identical(ended$status, 0L)
  said <- strsplit(ended$stdout, "\n")[[1L]]
  said <- said[grepl("=> ", said) & !grepl("cat(", said, fixed = TRUE)]
  expect_identical(trimws(sub(".*=> ", "", said)), c(
    "after a function", "after two: finally finally finally", "after a training",
    "trained: 1", "works: 3"
  ))
})

test_that("a finalizer leaves nothing: what would leave it is a warning", {
  rows <- of_child("finalizers.R")
  expect_identical(rows$ended, rep(1L, nrow(rows)))
  expect_true(all(rows$works))
  expect_no_match(paste(rows$printed, collapse = " "), "Traceback|Exception ignored")
  interrupted <- rows$exit == "interrupt"
  expect_identical(rows$value, ifelse(interrupted, "interrupted", "went on"))
  failed <- "An error in `finalize()` was ignored: in the end"
  jumped <- "A jump out of `finalize()` was ignored: R code goes on where the object was dropped."
  dropped <- rows[rows$way == "Python", ]
  said <- c(
    error = failed, message = jumped, warning = "beware", callCC = jumped, abort = jumped,
    interrupt = "", nothing = ""
  )
  expect_identical(stats::setNames(dropped$seen, dropped$exit), said)
  # No handler is seen from a finalizer of R's: a message and a warning are R's own there.
  collected <- rows[rows$way == "R", ]
  expect_identical(unique(collected$seen), "")
  printed <- c(
    error = failed, message = "out", warning = "beware", callCC = "no function to return from",
    abort = jumped
  )
  for (exit in names(printed)) {
    expect_match(collected$printed[collected$exit == exit], printed[[exit]], fixed = TRUE)
  }
})

test_that("nothing is kept of a jump that has gone on", {
  values <- of_child("jumps.R")
  gone <- list(value = "left", collected = 1L, kept = 0L)
  for (way in c("once", "twice", "over another")) expect_identical(values[[way]], gone, info = way)
  expect_lt(values$growth, 1500 * 10)
  expect_identical(values$kept, 0L)
  expect_identical(values$swallowed, c("went on", "left later"))
  expect_identical(values$`after swallowed`, 0L)
  on_backend("tensorflow", expect_identical(values$py_function, rep("left", 5)))
})

test_that("a function that calls itself for ever ends in R's own error, and R goes on", {
  ended <- of_child("recursions.R", timeout = 120)
  expect_identical(ended$works, c(2, 2))
  expect_identical(ended$trains, if (trains()) 1L)
  expect_match(ended$turns, "R and Python call each other without an end")
  errors <- c(ended$deep, ended[setdiff(names(ended), c("works", "trains", "deep", "turns"))])
  expect_length(errors, if (trains()) 18L else 14L)
  expect_identical(unique(vapply(errors, \(class) "stackOverflowError" %in% class, NA)), TRUE)
})

test_that("frames of R and Python may be nested in any way, and left from any to any other", {
  times <- often("KERASBRIDGE_NESTINGS", "200")
  seed <- sample.int(1e6L, 1L)
  wrong <- of_child("nestings.R", times = times, seed = seed, timeout = 60 + times)
  expect_identical(wrong, list(), info = paste("seed", seed))
})

test_that("other threads and forked copies call R, or are told that they cannot", {
  skip_on_os("windows")
  times <- often("KERASBRIDGE_RUNS", "3")
  values <- of_child(
    "threads.R",
    times = times, hops = often("KERASBRIDGE_HOPS", "500"), timeout = 600 + 60 * times
  )
  doubled <- rep(2 * 0:4, each = 2)
  expect_equal(unlist(values[c("join", "queue", "sleep")], use.names = FALSE), rep(21, 3))
  expect_equal(values$futures, 55)
  expect_equal(values$`R in Python in R`, 245)
  expect_equal(values$py_iterator, 1:3)
  timeouts <- values$timeouts
  expect_equal(unlist(timeouts[c("default", "again", "changed")], use.names = FALSE), c(60, 60, 2))
  expect_match(
    timeouts$refused,
    "The option `kerasbridge.thread_timeout` must be a number of seconds\\sabove 0."
  )
  expect_equal(values$error, "in a thread")
  expect_equal(values$message, "out\n")
  for (workers in c(0, 1, 2, 4)) {
    expect_equal(values[[paste("workers =", workers)]], doubled, tolerance = float32_tolerance)
  }
  expect_match(values$multiprocessing, "cannot have `use_multiprocessing = TRUE`")
  expect_match(values$multiprocessing, "`dataset_from_function(workers = )`", fixed = TRUE)
  expect_equal(values$fork, c(2, 3))
  expect_equal(values$`fork with Python`, c(2, 2))
  expect_equal(as.vector(values$works), c(2, 2))
  if (trains()) {
    expect_match(values$`fork with a framework`, "forked copy.*multisession or callr")
  }
  on_backend("tensorflow", {
    expect_equal(as.numeric(values$py_function), 42)
    expect_match(values$from_generator, "runs on R's main thread only")
    expect_match(values$`from_generator of an iterator`, "iterator.*runs on R's main thread only")
    expect_match(values$`py_function in a graph`, "ThreadError")
  })
  on_backend("torch", expect_equal(unlist(values$DataLoader), 0:4))
})

test_that("the package's C code has no fault that the sanitizers know", {
  skip_on_os(c("windows", "mac", "solaris"))
  sources <- list.files(test_path("..", "..", "src"), "[.]c$", full.names = TRUE)
  skip_if_not(length(sources) > 0L, "the sources are not at hand")
  skip_if(trains(), "the code is the same on every backend: numpy's run is enough")
  folder <- withr::local_tempdir()
  file.copy(c(sources, test_path("crossing", "sanitized.R")), folder)
  sanitize <- "-fsanitize=address,undefined"
  run <- function(command, args, ...) {
    processx::run(
      file.path(R.home("bin"), command), args,
      wd = folder, error_on_status = FALSE, timeout = 120, env = c("current", ...)
    )
  }
  built <- run(
    "R", c("CMD", "SHLIB", "-o", "kerasbridge.so", basename(sources)),
    PKG_CFLAGS = paste(sanitize, "-fno-omit-frame-pointer"), PKG_LIBS = sanitize
  )
  expect_equal(built$status, 0)
  libraries <- vapply(c("libasan.so", "libubsan.so"), FUN.VALUE = "", function(library) {
    trimws(processx::run("gcc", paste0("-print-file-name=", library))$stdout)
  })
  # R itself leaves what it has to the system when it ends
  ended <- run(
    "Rscript", "sanitized.R",
    LD_PRELOAD = paste(libraries, collapse = " "), ASAN_OPTIONS = "detect_leaks=0",
    UBSAN_OPTIONS = "halt_on_error=1"
  )
  expect_no_match(ended$stderr, "ERROR|runtime error")
  expect_equal(ended$status, 0)
  expect_match(ended$stdout, "all of them")
})
