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

# The peak of this process so far, in kB. It is handed to other processes as an argument.
peak_memory <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("\\D", "", line))
}

# Print a benchmark's ratios beside their targets, and keep them for the README's table.
report <- function(bench, rows) {
  backend <- Sys.getenv("KERAS_BACKEND", "tensorflow")
  rows <- cbind(bench = bench, backend = backend, rows)
  rows$met <- ifelse(is.na(rows$target), "", ifelse(rows$ratio <= rows$target, "yes", "NO"))
  print(format(rows, digits = 3), row.names = FALSE)
  folder <- Sys.getenv("KERASBRIDGE_BENCH_OUT")
  if (nzchar(folder)) {
    file <- file.path(folder, paste0(bench, "-", backend, ".csv"))
    columns <- c("bench", "backend", "case", "ratio", "target", "met")
    utils::write.csv(rows[columns], file, row.names = FALSE)
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

# A matrix of 784 columns with a class for each row, and models for it, as in reference.py.
features <- function(rows) {
  set.seed(1)
  matrix(stats::runif(rows * 784), rows)
}

classes <- function(rows) (seq_len(rows) - 1L) %% 10L

two_layers <- function(outputs) {
  model <- keras_model_sequential(input_shape = 784) |>
    layer_dense(512, activation = "relu") |>
    layer_dense(outputs, activation = "softmax")
  compile(model, "adam", "sparse_categorical_crossentropy")
  model
}

# as.array() of a tensor against R's own copy of its values; op_convert_to_tensor() against the
# same in this process's Python.
conversion <- function(name, x, targets) {
  runs <- bench_size(full = 7L, small = 1L)
  reticulate::py_run_file(file.path("bench", "timing.py"))
  python <- reticulate::py_run_string("
import keras

def median_of_conversions(array, runs):
    return median_seconds(lambda: keras.ops.convert_to_tensor(array, dtype='float32'), runs)
")
  tensor <- op_convert_to_tensor(x)
  data.frame(
    case = paste(c("as.array() of", "op_convert_to_tensor() of"), name),
    ratio = c(
      median_seconds(\() as.array(tensor), runs) / median_seconds(\() x + 0, runs),
      median_seconds(\() op_convert_to_tensor(x), runs) / python$median_of_conversions(x, runs)
    ),
    target = targets
  )
}
