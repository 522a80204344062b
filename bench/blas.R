# torch's matrix product in R, against Python in a process of its own: R's BLAS must not get in
# its way. The same for every backend: it is torch that is measured.

source(file.path("bench", "measure.R"))
library(kerasbridge)

size <- bench_size(full = 1024L, small = 64L)
runs <- bench_size(full = 5L, small = 1L)

torch <- import("torch")
a <- torch$rand(size, size)

report("blas", data.frame(
  case = "torch$matmul",
  ratio = median_seconds(\() torch$matmul(a, a), runs * 10L) /
    python_reference("blas", size, runs)$matmul,
  target = 1.2
))
