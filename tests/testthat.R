# One backend per process: KERAS_BACKEND says which.
library(testthat)
library(kerasbridge)

test_check("kerasbridge")
