# What the page on installation tells a newcomer to do: its own code, on one backend.
arguments <- commandArgs(TRUE)
library(kerasbridge)
reticulate::py_require(python_version = arguments[[2L]])
use_backend(arguments[[1L]])
if (arguments[[1L]] == "torch") reticulate::py_require(arguments[[4L]])

page <- readLines(arguments[[3L]])
begin <- match("```{r first-use}", page)
end <- begin + match("```", page[-seq_len(begin)])
eval(parse(text = page[(begin + 1L):(end - 1L)]))

stopifnot(length(history$metrics$loss) == 2L, all(is.finite(history$metrics$loss)))
stopifnot(identical(config_backend(), arguments[[1L]]))
cat("trained on", arguments[[1L]], "with", reticulate::py_config()$python, "\n")
