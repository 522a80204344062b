# Peak resident memory of a fit, less R's own matrix, against Python's for a float64 array.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)

peak <- function() {
  status <- readLines("/proc/self/status")
  as.numeric(gsub("\\D", "", grep("^VmHWM", status, value = TRUE)))
}

x <- features(rows)
y <- classes(rows)
invisible(gc(FALSE))
two_layers(10) |> fit(x, y, batch_size = 128, epochs = 1, verbose = 0)

own_matrix <- as.numeric(utils::object.size(x)) / 1024
report("memory", data.frame(
  case = "one epoch",
  ratio = (peak() - own_matrix) / python_reference("memory", rows, 1L)$peak,
  target = 1.1
))
