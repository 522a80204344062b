# predict() from an R double matrix to an R matrix, against Python in a process of its own.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)
runs <- bench_size(full = 5L, small = 1L)

x <- features(rows)
outputs <- c(10, 784)
in_r <- vapply(outputs, \(n) {
  model <- two_layers(n)
  median_seconds(\() predict(model, x, batch_size = 128, verbose = 0), runs)
}, double(1))
in_python <- python_reference("predict", rows, runs)

report("predict", data.frame(
  case = paste(outputs, "outputs"),
  ratio = in_r / unlist(in_python)[as.character(outputs)],
  target = c(1.5, 1.5)
))
