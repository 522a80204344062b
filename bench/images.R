# Data in and out: an array of images, as in convert.R.

source(file.path("bench", "measure.R"))
library(kerasbridge)

images <- bench_size(full = 10000L, small = 100L)

x <- array(stats::runif(images * 3072), c(images, 32, 32, 3))
report("images", conversion("images", x, c(1.5, 1.5)))
