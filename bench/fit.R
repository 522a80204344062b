# fit() on an R double matrix, conversion included, against Python in a process of its own.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 512L)
runs <- bench_size(full = 5L, small = 1L)

x <- features(rows)
y <- classes(rows)
model <- two_layers(10)

epochs <- function(n) model |> fit(x, y, batch_size = 128, epochs = n, verbose = 0)

in_r <- c(median_seconds(\() epochs(1), runs), median_seconds(\() epochs(5), runs))
in_python <- python_reference("fit", rows, runs)

report("fit", data.frame(
  case = c("one epoch", "five epochs"),
  ratio = in_r / c(in_python$one, in_python$five),
  target = c(1.15, 1.25)
))
