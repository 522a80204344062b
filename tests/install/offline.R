# What the page on installation tells those who have no network to do: its own code, from a folder
# of wheels.
arguments <- commandArgs(TRUE)
library(kerasbridge)
lines <- readLines(arguments[[1L]])
eval(parse(text = grep("^install_keras\\(.*wheels = ", lines, value = TRUE)))

use_backend("jax")
stopifnot(identical(as.array(op_sum(diag(3), axis = 1)), array(1, 3)))
stopifnot(grepl("r-keras", reticulate::py_config()$python))
cat("installed without a network:", reticulate::py_config()$python, "\n")
