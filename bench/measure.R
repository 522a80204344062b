# What the benchmarks share: sizes, timers, and the table that each prints.

# Full sizes by default; small ones when the test suite runs the benchmarks so that they keep
# working.
bench_size <- function(full, small) {
  if (nzchar(Sys.getenv("KERASBRIDGE_BENCH_SMALL"))) small else full
}

# Seconds, to the microsecond.
now <- function() as.numeric(Sys.time())

# Seconds per call of an R function of no arguments, after a warm-up.
per_call <- function(f, times) {
  for (i in 1:10) f()
  start <- now()
  for (i in seq_len(times)) f()
  (now() - start) / times
}

# Seconds per bare py_call() with these arguments.
per_bare_call <- function(f, arguments, times) {
  call <- as.call(c(quote(reticulate::py_call), quote(f), arguments))
  py_call <- reticulate::py_call
  call[[1L]] <- quote(py_call)
  body <- function() NULL
  body(body) <- call
  per_call(compiler::cmpfun(body), times)
}

# Print a benchmark's ratios beside their targets, and keep them for the README's table.
report <- function(bench, rows) {
  backend <- Sys.getenv("KERAS_BACKEND", "tensorflow")
  rows <- cbind(bench = bench, backend = backend, rows)
  rows$met <- ifelse(rows$ratio <= rows$target, "yes", "NO")
  print(format(rows, digits = 3), row.names = FALSE)
  folder <- Sys.getenv("KERASBRIDGE_BENCH_OUT")
  if (nzchar(folder)) {
    file <- file.path(folder, paste0(bench, "-", backend, ".csv"))
    utils::write.csv(rows, file, row.names = FALSE)
  }
  invisible(rows)
}

# What bench/reference.py measures, in a Python of its own. R's LD_LIBRARY_PATH would give it R's
# libraries.
python_reference <- function(what, rows, runs) {
  variables <- Sys.getenv()
  output <- processx::run(
    Sys.getenv("RETICULATE_PYTHON"),
    c(file.path("bench", "reference.py"), what, rows, runs),
    env = variables[names(variables) != "LD_LIBRARY_PATH"]
  )
  jsonlite::fromJSON(tail(strsplit(trimws(output$stdout), "\n")[[1L]], 1L))
}

# Median seconds of some runs, after one that is not counted.
median_seconds <- function(f, runs) {
  f()
  stats::median(replicate(runs, {
    gc(FALSE)
    start <- now()
    f()
    now() - start
  }))
}
