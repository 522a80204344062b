# library(), use_backend() and a first op, against Python's import and first op; each in
# processes of their own.

source(file.path("bench", "measure.R"))

runs <- bench_size(full = 5L, small = 1L)
backend <- Sys.getenv("KERAS_BACKEND", "tensorflow")
variables <- Sys.getenv()
variables <- variables[names(variables) != "LD_LIBRARY_PATH"]

seconds_of <- function(command, args) {
  median_seconds(\() processx::run(command, args, env = variables), runs)
}

in_r <- seconds_of("Rscript", c("-e", sprintf(
  "library(kerasbridge); use_backend('%s'); op_add(1, 2)", backend
)))
# What reticulate alone takes for what Python does.
in_reticulate <- seconds_of("Rscript", c(
  "-e", "library(reticulate); keras <- import('keras'); keras$ops$add(1, 2)"
))
in_python <- seconds_of(
  Sys.getenv("RETICULATE_PYTHON"), c("-c", "import keras; keras.ops.add(1, 2)")
)

report("start", data.frame(
  case = c("to the first op", "the same by reticulate alone, for comparison"),
  ratio = c(in_r, in_reticulate) / in_python,
  target = c(1.5, NA)
))
