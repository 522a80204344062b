# Data in and out: an R matrix and an array of images, against R's own copy and Python's
# conversion of the same column-major array.

source(file.path("bench", "measure.R"))
library(kerasbridge)

runs <- bench_size(full = 7L, small = 1L)
rows <- bench_size(full = 60000L, small = 600L)
images <- bench_size(full = 10000L, small = 100L)

python <- reticulate::py_run_string("
import time
import numpy as np
import keras

def to_tensor(array, runs):
    convert = lambda: keras.ops.convert_to_tensor(array, dtype='float32')
    convert()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        convert()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))
")

ratios <- function(name, x) {
  tensor <- op_convert_to_tensor(x)
  in_python <- python$to_tensor(x, runs)
  data.frame(
    case = paste(c("as.array() of", "op_convert_to_tensor() of"), name),
    ratio = c(
      median_seconds(\() as.array(tensor), runs) / median_seconds(\() x + 0, runs),
      median_seconds(\() op_convert_to_tensor(x), runs) / in_python
    ),
    target = c(1.25, 1.5)
  )
}

matrix_rows <- ratios("a matrix", matrix(stats::runif(rows * 784), rows))
image_rows <- ratios("images", array(stats::runif(images * 3072), c(images, 32, 32, 3)))
image_rows$target <- 1.5
report("convert", rbind(matrix_rows, image_rows))
