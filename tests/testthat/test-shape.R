test_that("a shape shows its sizes", {
  expect_identical(format(shape(2, 32)), "shape(2, 32)")
  expect_output(print(shape(NA, 28)), "shape(NA, 28)", fixed = TRUE)
  expect_identical(format(shape()), "shape()")
  expect_identical(capture.output(shown <- withVisible(print(shape(1)))), "shape(1)")
  expect_false(shown$visible)
})

test_that("sizes come as numbers, vectors, lists, shapes and NULL", {
  expect_identical(as.integer(shape(2, 3L)), 2:3)
  expect_identical(as.integer(shape(c(2, 3), 4)), 2:4)
  expect_identical(as.integer(shape(list(2, NULL), 4)), c(2L, NA, 4L))
  expect_identical(as.integer(shape(shape(NA, 2), 4)), c(NA, 2L, 4L))
  expect_identical(as.integer(shape(NULL, NA, -1, NA_integer_)), rep(NA_integer_, 4))
  expect_identical(as.integer(c(shape(2), 3, NA)), c(2L, 3L, NA))
})

test_that("what is no size is refused", {
  expect_refused(shape(2.5), "whole numbers")
  expect_refused(shape(-2), "whole numbers")
  expect_refused(shape("a"), "whole numbers")
  expect_refused(shape(TRUE), "whole numbers")
  expect_identical(conditionCall(expect_refused(shape(1, 2.5), "2.5"))[[1]], quote(shape))
})

test_that("a shape subsets, destructures, compares and multiplies", {
  s <- shape(NA, 28, 3)
  expect_identical(format(s[2]), "shape(28)")
  expect_identical(format(s[-1]), "shape(28, 3)")
  expect_identical(s[[2]], 28L)
  expect_null(s[[1]])
  expect_identical(length(s), 3L)
  .[batch, height, channels] <- s
  expect_null(batch)
  expect_identical(c(height, channels), c(28L, 3L))
  expect_true(s == shape(NA, 28, 3))
  expect_true(s == c(NA, 28, 3))
  expect_true(c(28, 3) == s[-1])
  expect_false(s == shape(1, 28, 3))
  expect_true(s != shape(28, 3))
  expect_identical(prod(s[-1]), 84)
  expect_identical(prod(s), NA_real_)
  expect_identical(max(s[2:3]), 28)
  expect_identical(as.numeric(s), c(NA, 28, 3))
  expect_identical(as.list(s), list(NULL, 28L, 3L))
  expect_identical(s[2] * 2L, 56L)
})

test_that("Python gets a tuple of whole numbers", {
  as_seen <- reticulate::py_run_string("def as_seen(*x): return repr(x)")$as_seen
  expect_identical(as_seen(shape(NA, 3)), "((None, 3),)")
  expect_identical(as_seen(shape(2)), "((2,),)")
  expect_identical(as_seen(shape()), "((),)")
  expect_identical(as_seen(!!!shape(1, 3)), "(1, 3)")
  expect_identical(as_seen(r_to_py(shape(1, NULL))), "((1, None),)")
})

test_that("a tensor has a shape", {
  expect_identical(format(shape(op_ones(c(2, 3)))), "shape(2, 3)")
  expect_identical(format(shape(keras_variable(matrix(0, 1, 4)))), "shape(1, 4)")
  expect_identical(format(shape(keras_input(c(NA, 5)))), "shape(NA, NA, 5)")
  expect_identical(format(shape(op_sum(1:2))), "shape()")
  expect_identical(format(op_shape(op_ones(c(2, 32)))), "shape(2, 32)")
})
