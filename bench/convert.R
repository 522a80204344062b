# Data in and out: an R matrix, against R's own copy and Python's conversion of the same
# column-major array.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 60000L, small = 600L)

report("convert", conversion("a matrix", matrix(stats::runif(rows * 784), rows), c(1.25, 1.5)))
